/** What DANE may find, and what is to become of mail then. A name in `what` is that of a certificate usage (RFC 7218 §2.1). */
import type { Script } from '../../mta/deliver/testing/peer.ts';
import { type Identity, issue } from '../support/identities.ts';
import { both, DaneTree, NOT_OFFERED, OFFERED, type Outcome } from './dane-tree.ts';

const DANE_REQUIRED = /dane-required/;
const withoutDane: Outcome = { mandatory: DANE_REQUIRED, opportunistic: 'tls' };
const shows = (identity: Identity): Script => ({ ...OFFERED, identity });

export async function daneCases(): Promise<DaneTree> {
  const tree = await DaneTree.create();
  /** Of a name that no domain here has. */
  const elsewhere = await issue('elsewhere.test');
  const other = await issue('other', { authority: true });
  await endEntities(tree, elsewhere, other);
  await anchors(tree, other);
  await withoutRecords(tree, elsewhere);
  await aliases(tree, elsewhere, other);
  await insecure(tree, elsewhere, other);
  await failures(tree, elsewhere, other);
  return tree;
}

async function endEntities(tree: DaneTree, good: Identity, other: Identity): Promise<void> {
  const rows: readonly [string, string, Outcome, readonly (readonly [string, Identity])[]][] = [
    ['ee', 'DANE-EE, self-signed and of another name', both('tls', 'mx.ee.signed.test'), [['3 1 1', good]]],
    ['full', 'DANE-EE with the whole key', both('tls'), [['3 1 0', good]]],
    ['whole', 'DANE-EE with the whole certificate', both('tls'), [['3 0 0', good]]],
    ['wrong', 'DANE-EE, wrong digest', both(/tlsa-invalid/), [['3 1 1', other]]],
    [
      ...(['rollover', 'two records in a rollover', both('tls')] as const),
      [
        ['3 1 1', other],
        ['3 1 1', good],
      ],
    ],
    [
      ...([
        'agility',
        'a weak digest that matches, a strong one that does not',
        both(/tlsa-invalid/),
      ] as const),
      [
        ['3 1 1', good],
        ['3 1 2', other],
      ],
    ],
  ];
  for (const [name, what, outcome, records] of rows) {
    await tree.domain([name], what, outcome, shows(good), (host) =>
      records.map(([fields, identity]) => tree.tlsa(host, fields, identity)),
    );
  }
  const expired = await issue('mx.expired.signed.test', { days: -1 });
  await tree.domain(['expired'], 'DANE-EE, expired', both('tls'), shows(expired), (host) => [
    tree.tlsa(host, '3 0 2', expired),
  ]);
  const bySni = { ...shows(good), identities: { 'mx.sni.signed.test': other } };
  const sni = both('tls', 'mx.sni.signed.test');
  await tree.domain(['sni'], 'a certificate that is shown by SNI', sni, bySni, (host) => [
    tree.tlsa(host, '3 1 1', other),
  ]);
  await tree.domain(['plain'], 'no STARTTLS', both(/starttls-not-supported/), NOT_OFFERED, (host) => [
    tree.tlsa(host, '3 1 1', good),
  ]);
}

async function anchors(tree: DaneTree, other: Identity): Promise<void> {
  const root = await issue('root', { authority: true });
  const by = root;
  const leaf = await issue('mx.ta.signed.test', { by });
  const alone = (name: string) => issue(`mx.${name}.signed.test`, { by, chain: false });
  const rows: readonly [string, string, Outcome, Identity, string][] = [
    ['ta', 'a certificate for the host', both('tls', 'mx.ta.signed.test'), leaf, '2 0 1'],
    [
      'domain',
      'a certificate for the domain',
      both('tls'),
      await issue('domain.signed.test', { by }),
      '2 1 1',
    ],
    ['wild', 'a wildcard', both('tls'), await issue('*.wild.signed.test', { by }), '2 0 2'],
    ['name', 'a certificate for another host', both(/certificate-host-mismatch/), leaf, '2 0 1'],
    ['dns', 'the authority in the DNS alone', both('tls'), await alone('dns'), '2 0 0'],
    ['key', 'its key in the DNS alone', both('tls'), await alone('key'), '2 1 0'],
    ['gap', 'the authority neither sent nor in the DNS', both(/tlsa-invalid/), await alone('gap'), '2 0 1'],
    [
      ...(['late', 'expired', both(/certificate-expired/)] as const),
      ...([await issue('mx.late.signed.test', { by, days: -1 }), '2 0 1'] as const),
    ],
    [
      ...(['leaf', 'signed by what is no authority', both(/certificate-not-trusted/)] as const),
      ...([await issue('mx.leaf.signed.test', { by: leaf }), '2 0 1'] as const),
    ],
  ];
  for (const [name, what, outcome, identity, fields] of rows) {
    await tree.domain([name], `DANE-TA, ${what}`, outcome, shows(identity), (host) => [
      tree.tlsa(host, fields, root),
    ]);
  }
  const fromRoot = await issue('mx.anchor.signed.test', { by });
  await tree.domain(
    ['anchor'],
    'DANE-TA, another authority',
    both(/tlsa-invalid/),
    shows(fromRoot),
    (host) => [tree.tlsa(host, '2 0 1', other)],
  );
}

async function withoutRecords(tree: DaneTree, good: Identity): Promise<void> {
  const none = () => [];
  await tree.domain(['none'], 'no TLSA records', withoutDane, shows(good), none);
  const clear: Outcome = { mandatory: DANE_REQUIRED, opportunistic: 'clear' };
  await tree.domain(['nothing'], 'neither TLSA records nor STARTTLS', clear, NOT_OFFERED, none);
  const unusable = (host: string) => [
    tree.tlsa(host, '1 1 1', good),
    tree.tlsa(host, '3 1 1', good).replace(' 3 1 1 ', ' 3 1 7 '),
  ];
  const what = 'only records that can not be used';
  const encrypted: Outcome = { mandatory: /tlsa-invalid/, opportunistic: 'tls' };
  await tree.domain(['unusable'], what, encrypted, shows(good), unusable);
  const refused: Outcome = { mandatory: /tlsa-invalid/, opportunistic: /starttls-not-supported/ };
  await tree.domain(['useless'], `${what}, and no STARTTLS`, refused, NOT_OFFERED, unusable);
}

async function aliases(tree: DaneTree, good: Identity, other: Identity): Promise<void> {
  const { port } = tree;
  const own = await tree.server(shows(good));
  tree.records('signed', `nomx A ${own.address}`, tree.tlsa('nomx', '3 1 1', good));
  tree.case('no MX records', 'nomx.signed.test', [own.peer], both('tls', 'nomx.signed.test'));

  const keys = both('tls', 'mx.keys.signed.test');
  await tree.domain(['keys'], 'TLSA records by an alias', keys, shows(good), (host) => [
    `_${port}._tcp.${host} CNAME all.keys`,
    tree.tlsa('all.keys', '3 1 1', good).replace(/^\S+/, 'all.keys'),
  ]);
  const end = both('tls', 'real.end.signed.test');
  await tree.domain(['end'], 'a signed alias, records at its end', end, shows(good), (host, address) => [
    ...[`${host} CNAME real.end`, `real.end A ${address}`],
    ...[tree.tlsa('real.end', '3 1 1', good), tree.tlsa(host, '3 1 1', other)],
  ]);
  const first = both('tls', 'mx.first.signed.test');
  await tree.domain(
    ['first'],
    'a signed alias, records at its beginning',
    first,
    shows(good),
    (host, address) => [
      ...[`${host} CNAME real.first`, `real.first A ${address}`, tree.tlsa(host, '3 1 1', good)],
    ],
  );
  const out = both('tls', 'mx.out.signed.test');
  const whatOut = 'a signed alias of what is not, records at both ends';
  await tree.domain(['out'], whatOut, out, shows(good), (host, address) => {
    tree.records('unsigned', `real A ${address}`, tree.tlsa('real', '3 1 1', other));
    return [`${host} CNAME real.unsigned.test.`, tree.tlsa(host, '3 1 1', good)];
  });
  const across = both('tls', 'mx.across.signed.test');
  const whatAcross = 'an alias whose middle is not signed, records at both ends';
  await tree.domain(['across'], whatAcross, across, shows(good), (host, address) => {
    tree.records('unsigned', 'middle CNAME real.across.signed.test.');
    return [
      ...[`${host} CNAME middle.unsigned.test.`, `real.across A ${address}`],
      ...[tree.tlsa(host, '3 1 1', good), tree.tlsa('real.across', '3 1 1', other)],
    ];
  });
}

async function insecure(tree: DaneTree, good: Identity, other: Identity): Promise<void> {
  const whole = 'none of it signed';
  await tree.domain(['child', 'unsigned'], whole, withoutDane, shows(good), (host) => [
    tree.tlsa(host, '3 1 1', other),
  ]);
  const host = await tree.server(shows(good));
  tree.records('unsigned', `mx A ${host.address}`, tree.tlsa('mx', '3 1 1', other));
  tree.records('signed', 'host MX 10 mx.unsigned.test.');
  tree.case('TLSA records at a host that is not signed', 'host.signed.test', [host.peer], withoutDane);

  const what = 'MX records that are not signed, a host that is';
  const redirected: readonly [string, string, Identity, Outcome][] = [
    ['mxgood', 'good digest', good, withoutDane],
    ['mxwrong', 'wrong digest', other, { ...withoutDane, opportunistic: /tlsa-invalid/ }],
  ];
  for (const [name, which, identity, outcome] of redirected) {
    const { peer, address } = await tree.server(shows(good));
    tree.records('signed', `${name} A ${address}`, tree.tlsa(name, '3 1 1', identity));
    tree.records('unsigned', `${name} MX 10 ${name}.signed.test.`);
    tree.case(`${what}, ${which}`, `${name}.unsigned.test`, [peer], outcome);
  }
}

async function failures(tree: DaneTree, good: Identity, other: Identity): Promise<void> {
  const rows = [
    [['tlsa', 'bogus'], 'bogus TLSA records', /dnssec-invalid: TLSA of /],
    [['mx', 'bogus'], 'bogus MX records', /4\.4\.3 .*MX of mx\.bogus\.test/],
    [['a', 'bogus'], 'bogus addresses', /4\.4\.3 .*mx\.a\.bogus\.test/],
    [['all', 'expired'], 'expired signatures', /4\.4\.3 .*MX of all\.expired\.test/],
    [['lame'], 'TLSA records that nobody knows', /dnssec-invalid: TLSA of /],
  ] as const;
  for (const [where, what, reason] of rows) {
    await tree.domain(where, what, both(reason), shows(good), (host) =>
      where[0] === 'lame' ? [] : [tree.tlsa(host, '3 1 1', good)],
    );
  }
  tree.lame('_tcp.mx.lame');

  const [first, second] = [await tree.server(shows(good)), await tree.server(shows(good))];
  tree.records(
    'signed',
    ...['two MX 10 a.two', 'two MX 20 b.two', `a.two A ${first.address}`, `b.two A ${second.address}`],
    ...[tree.tlsa('a.two', '3 1 1', other), tree.tlsa('b.two', '3 1 1', good)],
  );
  const peers = [first.peer, second.peer];
  tree.case('wrong digest at the first host, good one at the second', 'two.signed.test', peers, both('tls'));
}
