/**
 * A real listener on a free port, with an acceptor that keeps messages in memory and decides by the real policy, as
 * the flow does. Time stands still until `clock.advance`. Everything is stopped by `stopAll`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../mta/clock.ts';
import type { Limits, Listener, MtaConfig } from '../../mta/config.ts';
import type { Recipient } from '../../mta/envelope.ts';
import { type SmtpError, smtpError } from '../../mta/errors.ts';
import { createListener, type RunningListener } from '../../mta/listen/listener.ts';
import type { Acceptor, Client, Mail } from '../../mta/listen/types.ts';
import { hashPassword } from '../../mta/policy/phc.ts';
import { compilePolicy } from '../../mta/policy/policy.ts';
import { createVerifier } from '../../mta/policy/verifier.ts';
import { systemRandom } from '../../mta/random.ts';

export interface Accepted {
  readonly client: Pick<
    Client,
    'protocol' | 'helo' | 'tls' | 'certificate' | 'user' | 'address' | 'forwarded'
  >;
  readonly mail: Mail;
  readonly recipients: readonly string[];
  readonly content: string;
}

export class StillClock implements Clock {
  #time = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return 1_800_000_000_000 + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#time + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  advance(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#time = Math.max(this.#time, due.at);
      this.#timers.delete(due);
      due.callback();
    }
    this.#time = end;
  }
}

export interface TestServer {
  readonly port: number;
  readonly listener: RunningListener;
  readonly clock: StillClock;
  /** Messages that were answered 250. */
  readonly accepted: Accepted[];
  /** Messages that were begun and aborted. */
  readonly aborted: string[];
  readonly refusals: {
    command: string;
    error: SmtpError;
    clientAddress: string | undefined;
    from?: string;
    to?: string;
    certificate?: string;
  }[];
  readonly config: Listener;
  /** Called where the flow would be: for tests that need it slow, full or broken. */
  readonly hooks: {
    connect?: () => void;
    authenticate?: () => Promise<string>;
    content?: () => void;
    write?: (chunk: Buffer) => Promise<void> | undefined;
    commit?: () => Promise<void>;
  };
  secrets: Record<string, string>;
}

export const LIMITS: Limits = {
  messageSize: 100_000,
  recipients: 100,
  transactionsPerSession: 100,
  errorsPerSession: 20,
  idleCommandsPerSession: 50,
  authFailuresPerSession: 3,
  sessionSeconds: 3600,
  sessionBytes: 10_000_000,
  connections: 100,
  connectionsPerAddress: 50,
  lineLength: 1000,
  hops: 50,
  minDataRate: 10,
};

export const PASSWORD = 'right';

const running: { listener: RunningListener; clock: StillClock }[] = [];

export async function serve(
  more: {
    name?: string;
    role?: Listener['role'];
    relayFrom?: string[];
    proxyProtocol?: Listener['proxyProtocol'];
    xclient?: Listener['xclient'];
    xforward?: Listener['xforward'];
    tls?: Partial<Listener['tls']>;
    /** Beside the listener's own. */
    secrets?: Record<string, string>;
    ticketSecret?: Uint8Array;
    auth?: Partial<Listener['auth']>;
    limits?: Partial<Limits>;
  } = {},
): Promise<TestServer> {
  const tls = { mode: 'none', required: false, minVersion: 'TLSv1.2', ...more.tls } as Listener['tls'];
  const config: Listener = {
    name: more.name ?? 'test',
    role: more.role ?? 'smtp',
    address: '127.0.0.1',
    port: 0,
    tls: tls.mode === 'none' ? tls : { certificate: 'crt', key: 'key', ...tls },
    auth: { offered: false, required: false, allowWithoutTls: false, ...more.auth },
    relayFrom: more.relayFrom ?? [],
    ...(more.proxyProtocol && { proxyProtocol: more.proxyProtocol }),
    ...(more.xclient && { xclient: more.xclient }),
    ...(more.xforward && { xforward: more.xforward }),
    limits: { ...LIMITS, ...more.limits },
  };
  const secrets = {
    v: await verifier(),
    ...(tls.mode === 'none' ? {} : certificate('mx.example.test')),
    ...more.secrets,
  };
  const clock = new StillClock();
  const server = {
    clock,
    accepted: [] as Accepted[],
    aborted: [] as string[],
    refusals: [] as TestServer['refusals'],
    hooks: {} as TestServer['hooks'],
    config,
    secrets,
  };
  const listener = createListener(
    { config, hostname: 'mx.example.test', secrets },
    {
      acceptor: acceptor(config, secrets, server),
      clock,
      random: systemRandom,
      connectionShare: 1,
      ticketSecret: more.ticketSecret,
      log: { refused: (event) => server.refusals.push(event) },
    },
  );
  running.push({ listener, clock });
  const { port } = await listener.start();
  return { ...server, listener, port };
}

/** For afterEach. */
export async function stopAll(): Promise<void> {
  await Promise.all(
    running.splice(0).map(async ({ listener, clock }) => {
      const stopped = listener.stop(0);
      clock.advance(0);
      await stopped;
    }),
  );
}

function acceptor(
  listener: Listener,
  secrets: Record<string, string>,
  server: Pick<TestServer, 'accepted' | 'aborted' | 'hooks' | 'clock'>,
): Acceptor {
  const policy = compilePolicy(
    {
      listeners: [listener],
      domains: [
        {
          domain: 'example.test',
          aliases: [],
          recipients: { mode: 'list', list: ['anna', 'bert', 'a b', 'a@b'], subaddressDelimiter: '+' },
          target: { type: 'lmtp' },
        },
        {
          domain: 'any.test',
          aliases: [],
          recipients: { mode: 'any', list: [] },
          target: { type: 'lmtp' },
        },
      ],
      users: [{ resource: 'u', username: 'demo', verifier: 'v', senders: ['demo@example.test'], limits: {} }],
      secrets,
    } as unknown as MtaConfig,
    createVerifier({ clock: server.clock, random: systemRandom }),
  );
  return {
    pickUp: {
      offersEtrn: () => false,
      etrn: () => Promise.reject(smtpError('etrnNotAllowed')),
      atrn: () => Promise.reject(smtpError('atrnRefused')),
    },
    connect: () => server.hooks.connect?.(),
    authenticate: (_, username, password) =>
      server.hooks.authenticate?.() ?? policy.authenticate(username, password),
    mail(client, mail) {
      policy.checkSender(client, mail);
      return mail;
    },
    recipient: (client, mail, recipient, accepted) =>
      policy.checkRecipient(client, mail, recipient, accepted),
    content(client: Client, mail: Mail, recipients: readonly Recipient[]) {
      server.hooks.content?.();
      const parts: Buffer[] = [];
      const content = () => Buffer.concat(parts).toString('latin1');
      const { protocol, helo, tls, certificate, user, address, forwarded } = client;
      return {
        write(chunk) {
          parts.push(chunk);
          return server.hooks.write?.(chunk);
        },
        async commit() {
          await server.hooks.commit?.();
          server.accepted.push({
            client: { protocol, helo, tls, certificate, user, address, forwarded },
            mail,
            recipients: recipients.map(({ address: to }) => to),
            content: content(),
          });
          return 'Ok: kept in memory';
        },
        abort: () => server.aborted.push(content()),
      };
    },
  };
}

let phc: Promise<string> | undefined;

function verifier(): Promise<string> {
  phc ??= hashPassword(PASSWORD, Buffer.alloc(16, 1));
  return phc;
}

const certificates = new Map<string, { crt: string; key: string }>();

/** Self-signed, made once for each name. */
export function certificate(name: string): { crt: string; key: string } {
  const known = certificates.get(name);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'postrider-certificate-'));
  try {
    const [key, crt] = [join(folder, 'key'), join(folder, 'crt')];
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync(
      'openssl',
      ['req', '-x509', ...options, '-subj', `/CN=${name}`, '-keyout', key, '-out', crt],
      { stdio: 'ignore' },
    );
    const made = { crt: readFileSync(crt, 'utf8'), key: readFileSync(key, 'utf8') };
    certificates.set(name, made);
    return made;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Resolves when the condition holds; bounded. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
