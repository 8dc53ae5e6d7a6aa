/**
 * One mail server of somebody else and one of ours, each the next hop of the other for some domains; everything that goes on from there ends
 * in one sink, reports to `sender.test` among it. What they say to each other in clear text is tapped.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Domain, Listener, MtaConfig } from '../../../mta/config.ts';
import { Wire } from '../../conformance/wire.ts';
import { certificateAuthority } from '../../support/authority.ts';
import { LIMITS, listener, lmtpDomain, relay, scryptVerifier } from '../../support/config.ts';
import { program } from '../../support/debian.ts';
import { temporaryFolder } from '../../support/folders.ts';
import type { Foreign, StartForeign } from '../../support/foreign/types.ts';
import { type Mta, startMta } from '../../support/mta.ts';
import { freePort } from '../../support/ports.ts';
import { run, runOk } from '../../support/processes.ts';
import { type Sink, startSink } from '../../support/sink.ts';
import { startTap, type Tap } from '../../support/tap.ts';

export const LOGIN = { username: 'anna@sender.test', password: 'correct horse' };
/** Who has an address in the other's domains, with any detail behind a `+`; there is no `nobody`. */
const KNOWN = ['anna', 'ånna'];
/** What each takes at most. What the other one will not take has to come in first: theirs is more than ours, and our entry takes anything. */
const OUR_SIZE = 100_000;
const THEIR_SIZE = 300_000;
const [OUR_RECIPIENTS, THEIR_RECIPIENTS] = [5, 10];

/** `sends`: they hand over to us; `receives`: we do to them. */
export const DIRECTIONS = ['sends', 'receives'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** One direction, as the table of extensions sees it. */
export interface Way {
  readonly direction: Direction;
  /** Port of the one that hands over. */
  readonly entry: number;
  /** As `entry`, by STARTTLS. */
  readonly securedEntry: number;
  readonly entrySize: number;
  /** What the other one takes. */
  readonly size: number;
  readonly recipients: number;
  /** Between the two, for mail to the domains `clear`, `proxied` and `held`. */
  readonly tap: Tap;
  readonly domains: Readonly<
    Record<'clear' | 'proxied' | 'held' | 'opportunistic' | 'verified' | 'login', string>
  >;
  /** Where the other one takes mail of users, and of nobody else. */
  readonly submissionPort: number;
}

export interface World {
  readonly foreign: Foreign;
  readonly mta: Mta;
  readonly sink: Sink;
  readonly ways: Readonly<Record<Direction, Way>>;
  /** Keywords that they announce and that we do, before or after STARTTLS. */
  readonly announced: Readonly<Record<'theirs' | 'ours', ReadonlySet<string>>>;
  /** Whether anybody gets through the handshake that they announce. */
  readonly canHandshake: boolean;
  stop(): Promise<void>;
}

const domainsOf = (name: string) => ({
  clear: `${name}.test`,
  proxied: `proxied.${name}.test`,
  held: `held.${name}.test`,
  opportunistic: `opportunistic.${name}.test`,
  verified: `verified.${name}.test`,
  login: `login.${name}.test`,
});

export async function openWorld(name: string, start: StartForeign): Promise<World> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const sink = await startSink({ extensions: ['SMTPUTF8'] });
    stops.push(() => sink.close());
    const identity = await (await certificateAuthority()).issue('127.0.0.1', 'localhost');
    await runOk('chmod', ['-R', 'a+rX', identity]);
    const [smtpPort, submissionPort, peer, verified] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const toThem = await startTap(smtpPort);
    stops.push(() => toThem.close());
    const toUs = await startTap(peer);
    stops.push(() => toUs.close());
    const [ours, theirs] = [domainsOf('ours'), domainsOf('theirs')];

    const mta = await startMta({
      config: (_, { smtp, submission }) => ({
        ...ourTls(identity),
        listeners: listeners({ entry: smtp, peer, verified, submission }),
        users: [
          {
            ...{ resource: 'MailUser/test/anna', username: LOGIN.username, verifier: VERIFIER },
            ...{ senders: ['*@sender.test'], limits: {} },
          },
        ],
        domains: [ourDomain(ours, sink.port), heldDomain(theirs.held, toThem.port)],
        relays: [
          relay('clear', '127.0.0.1', toThem.port, { match: to(theirs.clear, theirs.proxied), tls: 'none' }),
          relay('opportunistic', '127.0.0.1', smtpPort, { match: to(theirs.opportunistic) }),
          relay('verified', '127.0.0.1', smtpPort, { match: to(theirs.verified), tls: 'verified' }),
          relay('login', '127.0.0.1', submissionPort, {
            ...{ match: to(theirs.login), tls: 'verified' },
            auth: { username: LOGIN.username, password: PASSWORD },
          }),
          relay('sink', '127.0.0.1', sink.port),
        ],
      }),
    });
    stops.push(() => mta.stop());
    const folder = temporaryFolder(name);
    await runOk('chmod', ['755', folder]);
    const foreign = await start({
      ...{ folder, identity, smtpPort, submissionPort, login: LOGIN },
      ...{ sizeLimit: THEIR_SIZE, recipientLimit: THEIR_RECIPIENTS },
      ...{ hostname: `mx.${name}.test`, refused: `nobody@${theirs.clear}`, elsewhere: sink.port },
      routes: [
        { domain: ours.clear, port: toUs.port, way: 'clear' },
        { domain: ours.proxied, port: toUs.port, way: 'proxied' },
        { domain: ours.held, port: toUs.port, way: 'held' },
        { domain: ours.verified, port: verified, way: 'verified' },
        { domain: ours.login, port: mta.ports.submission, way: 'login' },
      ],
    });
    stops.push(() => foreign.stop());
    const canHandshake = await handshakes(smtpPort, identity);
    const announced = {
      theirs: await keywords([smtpPort, submissionPort], canHandshake),
      ours: await keywords([peer, mta.ports.submission], true),
    };
    return {
      ...{ foreign, mta, sink, announced, canHandshake, stop },
      ways: {
        sends: {
          ...{ direction: 'sends', entry: smtpPort, securedEntry: smtpPort, entrySize: THEIR_SIZE },
          ...{
            size: OUR_SIZE,
            tap: toUs,
            domains: ours,
            recipients: OUR_RECIPIENTS,
            submissionPort: mta.ports.submission,
          },
        },
        receives: {
          ...{
            direction: 'receives',
            entry: mta.ports.smtp,
            securedEntry: verified,
            entrySize: LIMITS.messageSize,
            size: THEIR_SIZE,
          },
          ...{ tap: toThem, domains: theirs, recipients: THEIR_RECIPIENTS, submissionPort },
        },
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const to = (...recipientDomains: string[]) => ({ recipientDomains, senderDomains: [], users: [] });
const secret = (key: string) => `Secret/test/foreign/${key}`;
const [VERIFIER, PASSWORD] = [secret('verifier'), secret('password')];

function ourTls(identity: string): Pick<MtaConfig, 'secrets' | 'tlsPolicies'> {
  const read = (name: string) => readFileSync(join(identity, name), 'utf8');
  const policy = { fallbackToClear: false, minVersion: 'TLSv1.2' as const, destinations: [] };
  return {
    secrets: {
      ...{
        [secret('crt')]: read('tls.crt'),
        [secret('key')]: read('tls.key'),
        [secret('ca')]: read('ca.crt'),
      },
      ...{ [VERIFIER]: scryptVerifier(LOGIN.password), [PASSWORD]: LOGIN.password },
    },
    tlsPolicies: [
      { ...policy, name: 'opportunistic', mode: 'opportunistic', fallbackToClear: true },
      { ...policy, name: 'none', mode: 'none' },
      { ...policy, name: 'verified', mode: 'verified', ca: secret('ca') },
    ],
  };
}

function listeners(ports: Record<'entry' | 'peer' | 'verified' | 'submission', number>): Listener[] {
  const tls: Listener['tls'] = {
    ...{ mode: 'starttls', required: true, minVersion: 'TLSv1.2' },
    ...{ certificate: secret('crt'), key: secret('key') },
  };
  return [
    listener(ports.entry, { name: 'entry' }),
    listener(ports.peer, {
      ...{ name: 'peer', xclient: { from: ['127.0.0.1'] }, xforward: { from: ['127.0.0.1'] } },
      limits: { ...LIMITS, messageSize: OUR_SIZE, recipients: OUR_RECIPIENTS },
    }),
    listener(ports.verified, { name: 'verified', tls }),
    listener(ports.submission, {
      ...{ name: 'submission', role: 'submission', tls, relayFrom: [] },
      auth: { offered: true, required: true, allowWithoutTls: false },
    }),
  ];
}

const ourDomain = ({ clear, ...others }: Way['domains'], port: number): Domain =>
  lmtpDomain(clear, port, {
    aliases: Object.values(others),
    target: { type: 'smtp', hosts: [{ host: '127.0.0.1', port }] },
    recipients: { mode: 'list', list: KNOWN, subaddressDelimiter: '+' },
  });

const heldDomain = (domain: string, port: number): Domain =>
  lmtpDomain(domain, port, {
    target: {
      ...{ type: 'hold', maxAgeSeconds: 3600, etrnFrom: ['127.0.0.1'], users: [], tls: 'none' },
      hosts: [{ host: '127.0.0.1', port }],
    },
  });

/** Whether OpenSSL's own client gets through. */
async function handshakes(port: number, identity: string): Promise<boolean> {
  const { code } = await run(
    program('openssl'),
    [
      ...['s_client', '-starttls', 'smtp', '-connect', `127.0.0.1:${port}`],
      ...['-CAfile', join(identity, 'ca.crt'), '-verify_return_error'],
    ],
    { input: 'QUIT\r\n' },
  );
  return code === 0;
}

/** What EHLO announces at these ports, before STARTTLS and, where that works, after it. */
async function keywords(ports: readonly number[], canHandshake: boolean): Promise<Set<string>> {
  const found = new Set<string>();
  for (const port of ports) {
    const wire = await Wire.connect(port);
    await wire.reply();
    const ehlo = async () => {
      const { lines } = await wire.command('EHLO client.test');
      for (const line of lines.slice(1)) found.add(line.split(/[ =]/)[0]!.toUpperCase());
      return lines;
    };
    const before = await ehlo();
    if (canHandshake && before.some((line) => line.toUpperCase() === 'STARTTLS')) {
      await wire.command('STARTTLS');
      await wire.startTls();
      await ehlo();
    }
    await wire.close();
  }
  return found;
}
