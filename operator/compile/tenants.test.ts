/** What a tenant with rights in one namespace can't get: names of others, of the fleet, and attachment by accident. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';
import type { CompileInput, Diagnostic, Manifest } from './types.ts';

const mta = (attachment: object, more: object = {}): Manifest => ({
  apiVersion: 'postrider.dev/v1alpha1',
  kind: 'MTA',
  metadata: { name: 'mta', namespace: 'mail' },
  spec: {
    hostname: 'MX.example.test',
    postmaster: 'ops@corp.example.test',
    listeners: [
      { name: 'smtp', role: 'SMTP', port: 2525, hostname: 'in.example.test', tls: { mode: 'None' } },
    ],
    attachment: [
      { name: 'tenants', namespaces: { selector: {} }, kinds: ['MailDomain', 'MailUser'], ...attachment },
    ],
    ...more,
  },
});

const attached = (
  namespace: string,
  kind: string,
  name: string,
  created: string,
  spec: object,
): Manifest => ({
  apiVersion: 'postrider.dev/v1alpha1',
  kind,
  metadata: { name, namespace, creationTimestamp: `2026-01-${created}T00:00:00Z` },
  spec: { mtaRefs: [{ name: 'mta', namespace: 'mail' }], ...spec },
});

const domain = (namespace: string, created: string, names: readonly string[], more: object = {}): Manifest =>
  attached(namespace, 'MailDomain', names[0]!.toLowerCase(), created, {
    domain: names[0],
    aliases: names.slice(1),
    target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox' }] } },
    ...more,
  });

const run = (manifests: readonly Manifest[], programmed?: CompileInput['programmed']) =>
  compile({
    ...inputFrom('{}'),
    mta: { namespace: 'mail', name: 'mta' },
    manifests,
    namespaces: {},
    programmed,
  });

const all = { domains: ['*'] };
const owners = ({ config }: ReturnType<typeof run>) =>
  Object.fromEntries(
    config!.domains.flatMap(({ resource, domain: name, aliases }) =>
      [name, ...aliases].map((own) => [own, resource.split('/')[1]]),
    ),
  );
const wrong = (diagnostics: readonly Diagnostic[]) =>
  diagnostics.filter(({ status }) => status === 'False').map(({ reason, path }) => `${reason} ${path ?? ''}`);

describe('the fleet’s own names', () => {
  it.each(['mx.example.test', 'IN.example.test', 'corp.example.test'])(
    'are not given away by a wildcard: %s',
    (name) => {
      for (const pattern of ['*', '*.example.test']) {
        const { diagnostics } = run([mta({ domains: [pattern] }), domain('evil', '01', [name])]);
        expect(wrong(diagnostics)).toEqual(['DomainNotAllowed spec.domain']);
      }
    },
  );

  it('are given by name', () => {
    const result = run([mta({ domains: ['Corp.example.test'] }), domain('ops', '01', ['corp.example.test'])]);
    expect(owners(result)).toEqual({ 'corp.example.test': 'ops' });
  });
});

describe('a name that is another namespace’s', () => {
  const squatter = domain('evil', '09', ['Victim.test']);
  const taken = domain('evil', '01', ['taken.test']);
  const victim = (more: object = {}, names = ['victim.test']) => domain('victim', '02', names, more);

  it('stays its when that asks for what isn’t supported yet', () => {
    const refused = victim({ dmarc: { policy: 'None' } });
    const first = run([mta(all), victim(), squatter]);
    expect(owners(first)).toEqual({ 'victim.test': 'victim' });
    const second = run([mta(all), refused, squatter], first.config);
    expect(owners(second)).toEqual({});
    expect(wrong(second.diagnostics)).toEqual(['Conflicted spec.domain', 'NotYetSupported spec.dmarc']);
    // The config that is programmed then no longer says who had it.
    expect(owners(run([mta(all), refused, squatter], second.config))).toEqual({});
  });

  it('stays its when it wants one more that is taken', () => {
    const greedy = victim({}, ['victim.test', 'taken.test']);
    const first = run([mta(all), victim(), taken, squatter]);
    const second = run([mta(all), greedy, taken, squatter], first.config);
    expect(owners(second)).toEqual({ 'taken.test': 'evil' });
    const third = run([mta(all), greedy, taken, squatter], second.config);
    expect(owners(third)).toEqual({ 'taken.test': 'evil' });
  });

  it('stays its when the fleet asks for more TLS than it does', () => {
    const floor: Manifest = {
      ...attached('mail', 'MailTLSPolicy', 'floor', '01', {
        mode: 'Required',
        destinations: ['victim.test'],
      }),
    };
    const policy = attached('evil', 'MailTLSPolicy', 'strong', '01', { mode: 'Required' });
    const strong = domain('evil', '09', ['victim.test'], {
      target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox' }], tlsPolicyRef: { name: 'strong' } } },
    });
    const fleet = mta({ ...all, kinds: ['MailDomain', 'MailTLSPolicy'] });
    expect(owners(run([fleet, floor, policy, strong, victim()]))).toEqual({});
  });

  it('is free once it is withdrawn', () => {
    const first = run([mta(all), victim(), squatter]);
    expect(owners(run([mta(all), squatter], first.config))).toEqual({ 'victim.test': 'evil' });
  });
});

describe('attachment', () => {
  it('is not got by a name that every object has', () => {
    const grant = {
      namespaces: { selector: { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] } },
      domains: ['*'],
    };
    for (const namespace of ['constructor', 'evil']) {
      expect(wrong(run([mta(grant), domain(namespace, '01', ['a.test'])]).diagnostics)).toEqual([
        'NotAllowedByMTA spec.mtaRefs',
      ]);
    }
  });

  it('says which of its domains no domain can be called', () => {
    const { diagnostics, config } = run([mta({ domains: ['a.test', '-a.test'] })]);
    expect(wrong(diagnostics)).toEqual(['Invalid spec.attachment[0].domains[1]']);
    expect(config).toBeUndefined();
  });
});

describe('text that is for terminals and commands', () => {
  it.each([
    ['username', { username: 'a\u001b[2J@a.test', senders: ['a@a.test'] }],
    ['senders[0]', { username: 'a@a.test', senders: ['a\u0000@a.test'] }],
    ['senders[0]', { username: 'a@a.test', senders: ['a>@a.test'] }],
    ['senders[0]', { username: 'a@a.test', senders: ['a@a\u0007.test'] }],
  ])('has no control characters: spec.%s', (path, spec) => {
    const user = attached('mail', 'MailUser', 'a', '01', { password: { generate: true }, ...spec });
    expect(wrong(run([mta(all), user]).diagnostics)).toEqual([`Invalid spec.${path}`]);
  });

  it('can’t bring a second address into a From that a relay rewrites', () => {
    const relay = attached('mail', 'MailRelay', 'a', '01', {
      match: { recipientDomains: ['*'] },
      hosts: [{ host: 'relay.test' }],
      rewrite: { headerFrom: [{ from: '*', to: 'boss>,x@a.test' }] },
    });
    expect(wrong(run([mta(all), relay]).diagnostics)).toEqual(['Invalid spec.rewrite.headerFrom[0].to']);
  });
});

it('comes out the same in whatever order resources are listed, and every name has one owner', () => {
  const names = ['a.test', 'B.test', 'b.test', 'c.test', 'mx.example.test'];
  const claim = fc.record({
    namespace: fc.constantFrom('mail', 'one', 'two'),
    created: fc.constantFrom('01', '02'),
    names: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    more: fc.constantFrom({}, { dmarc: { policy: 'None' } }),
  });
  const lists = fc.array(claim, { minLength: 1, maxLength: 6 }).chain((claims) => {
    const manifests = claims.map(({ namespace, created, names: own, more }, index) => {
      const made = domain(namespace, created, own, more);
      return { ...made, metadata: { ...made.metadata, name: `d${index}` } };
    });
    return fc.tuple(
      fc.constant([mta(all), ...manifests]),
      fc.shuffledSubarray([mta(all), ...manifests], { minLength: manifests.length + 1 }),
    );
  });
  fc.assert(
    fc.property(lists, lists, ([listed, shuffled], [before]) => {
      const { config: programmed } = run(before);
      const result = run(listed, programmed);
      expect(JSON.stringify(run(shuffled, programmed))).toBe(JSON.stringify(result));
      const owned = result.config!.domains.flatMap(({ domain: name, aliases }) => [name, ...aliases]);
      expect(new Set(owned).size).toBe(owned.length);
    }),
    { numRuns: 60 },
  );
});
