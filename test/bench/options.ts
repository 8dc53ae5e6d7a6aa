/** Command line of the bench. Throws with a usage text for anything that it doesn't know. */
import { parseArgs } from 'node:util';
import type { KeyKind } from '../support/tls.ts';
import { WORKS, type WorkName } from './works.ts';

export const USAGE = `usage: npm run bench -- [relay|proof|workers|backlog|operator|all] [options]
  relay        rates, CPU, memory and latency of every work (the default, with proof and workers)
  proof        strace: that a sync lies between each final dot and its 250, and syncs per message
  workers      CPU of a message with one worker and with two
  backlog      a million deferred messages: memory, recovery, and what becomes of fresh mail
  operator     an operator with 5000 domains: cold start, changes, writes, memory
  all          all of them
  --json FILE  writes the rows
  --rounds N   alternated rounds, of which the median counts (3)
  --only A,B   works (${Object.keys(WORKS).join(', ')}) or MTAs (postrider, postfix)
  --quick      one round of a tenth of the messages
  --sessions N parallel sessions of smtp-source (50)
  --rsa        certificates of works with TLS have an RSA key of 2048 bits (ECDSA with P-256)
  --workers N  worker processes of Postrider (2)
  --messages N      deferred messages of the backlog (1000000)
  --destinations N  of the backlog (50000)
  --domains N       MailDomains of the operator (5000)
  --relays N        its MailRelays (500)
  --users N         its MailUsers, who come later (500)
  --changes N       changes, one after the other (50)
  --dir DIR    where both queues are put: a disk, not a tmpfs (/var/tmp)`;

export type MtaName = 'postrider' | 'postfix';

const SECTIONS = ['relay', 'proof', 'workers', 'backlog', 'operator'] as const;
export type Section = (typeof SECTIONS)[number];

export interface BenchOptions {
  readonly sections: ReadonlySet<Section>;
  readonly works: readonly WorkName[];
  readonly mtas: readonly MtaName[];
  readonly json: string | undefined;
  readonly rounds: number;
  /** What the number of messages of each pass is multiplied with. */
  readonly scale: number;
  readonly sessions: number;
  readonly workers: number;
  /** Of certificates. */
  readonly key: KeyKind;
  readonly backlogMessages: number;
  readonly destinations: number;
  readonly domains: number;
  readonly relays: number;
  readonly users: number;
  readonly changes: number;
  /** For how long writes are counted while nothing changes. */
  readonly idleSeconds: number;
  readonly dir: string;
}

const MTAS: readonly MtaName[] = ['postrider', 'postfix'];

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean' },
      sessions: { type: 'string' },
      workers: { type: 'string' },
      rsa: { type: 'boolean' },
      messages: { type: 'string' },
      destinations: { type: 'string' },
      domains: { type: 'string' },
      relays: { type: 'string' },
      users: { type: 'string' },
      changes: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const sections = new Set<Section>();
  for (const name of positionals.length === 0 ? ['relay', 'proof', 'workers'] : positionals) {
    const named = SECTIONS.filter((section) => name === 'all' || name === section);
    if (named.length === 0) throw new Error(`no section ${name}\n${USAGE}`);
    for (const section of named) sections.add(section);
  }
  const allWorks = Object.keys(WORKS) as WorkName[];
  const only = values.only?.split(',') ?? [];
  for (const name of only) {
    if (![...allWorks, ...MTAS].includes(name as WorkName))
      throw new Error(`no work or MTA ${name}\n${USAGE}`);
  }
  const pick = <T extends string>(names: readonly T[]): readonly T[] => {
    const picked = names.filter((name) => only.includes(name));
    return picked.length === 0 ? names : picked;
  };
  const quick = values.quick === true;
  return {
    sections,
    works: pick(allWorks),
    mtas: pick(MTAS),
    json: values.json,
    rounds: count('rounds', values.rounds, quick ? 1 : 3),
    scale: quick ? 0.1 : 1,
    sessions: count('sessions', values.sessions, 50),
    workers: count('workers', values.workers, 2),
    key: values.rsa === true ? 'rsa' : 'ecdsa',
    backlogMessages: count('messages', values.messages, quick ? 20_000 : 1_000_000),
    destinations: count('destinations', values.destinations, quick ? 1000 : 50_000),
    domains: count('domains', values.domains, quick ? 500 : 5000),
    relays: count('relays', values.relays, quick ? 50 : 500),
    users: count('users', values.users, quick ? 20 : 500),
    changes: count('changes', values.changes, quick ? 5 : 50),
    idleSeconds: quick ? 20 : 120,
    dir: values.dir ?? '/var/tmp',
  };
}

function count(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} must be a whole number above 0\n${USAGE}`);
  return value;
}
