/**
 * The fleet of a chaos run: nodes with a mount of one volume each, the servers that take their mail, and what the nodes
 * logged. One of the servers is away most of the time, so that there is always mail that waits.
 */
import { lmtpDomain, relay, testConfig } from '../support/config.ts';
import { type Delivered, startSink } from '../support/sink.ts';
import type { Account, Copy } from './account.ts';
import type { Settled } from './duplicates.ts';
import { type Gluster, startGluster } from './gluster.ts';
import { Journals } from './journals.ts';
import { ChaosNode } from './node.ts';

export interface FleetOptions {
  readonly nodes: number;
  readonly termSeconds: number;
}

export interface Fleet {
  readonly nodes: readonly ChaosNode[];
  readonly gluster: Gluster;
  /** What the nodes record in the queue, from the start on. */
  readonly journals: Journals;
  /** Domain of the server that comes and goes. */
  readonly later: string;
  /** Lets it stay. */
  stayOpen(): void;
  readLogs(): Promise<{ settled: Settled[]; errors: Record<string, number> }>;
  stop(): Promise<void>;
}

const SIZE_MIB = 1024;
const LATER = 'later.test';
/** The server that comes and goes stays, and is away, for so long. */
const LATER_MS = 4000;
/** One final reply in so many takes a while, so that faults come between the final dot and it. */
const SLOW_EVERY = 4;
const SLOWEST_MS = 150;

export async function startFleet(
  { nodes: count, termSeconds }: FleetOptions,
  account: Account,
  pingSeconds: number,
): Promise<Fleet> {
  const gluster = await startGluster({ mounts: count, sizeMiB: SIZE_MIB, pingSeconds });
  const latest = new WeakMap<Delivered, Copy>();
  const onMessage = (message: Delivered) => {
    const copy = {
      node: message.helo,
      queueId: /^Received: [^;]*? id ([^\s;]+)/m.exec(message.content)?.[1] ?? '',
      dotAt: Date.now(),
      repliedAt: Number.POSITIVE_INFINITY,
    };
    latest.set(message, copy);
    account.arrive(message.content, message.to, copy);
  };
  const onReplied = (message: Delivered) => {
    const copy = latest.get(message);
    if (copy !== undefined) copy.repliedAt = Date.now();
  };
  let asked = 0;
  const often = (every: number) => {
    asked += 1;
    return asked % every === 0;
  };
  const behaviour = {
    onMessage,
    onReplied,
    rcpt: () => (often(20) ? '451 4.3.0 not just now' : undefined),
    delayMs: () => (often(SLOW_EVERY) ? Math.random() * SLOWEST_MS : 0),
  };
  const relayed = await startSink(behaviour);
  const local = await startSink({ ...behaviour, lmtp: true });
  // It ends no transaction that it has begun: a final dot without a reply would be a fault of its own.
  let away = true;
  const comingAndGoing = setInterval(() => {
    away = !away;
  }, LATER_MS);
  const comesAndGoes = await startSink({
    ...behaviour,
    rcpt: () => (away ? '421 4.3.2 away' : behaviour.rcpt()),
  });
  const nodes: ChaosNode[] = [];
  for (let number = 0; number < count; number += 1) {
    const node = await ChaosNode.create(`node${number}.test`, (folder, ports) => ({
      workers: 2,
      domains: [lmtpDomain('local.test', local.port)],
      relays: [
        relay('later', '127.0.0.1', comesAndGoes.port, {
          match: { recipientDomains: [LATER], senderDomains: [], users: [] },
        }),
        relay('sink', '127.0.0.1', relayed.port),
      ],
      queue: {
        ...testConfig(folder, ports).queue,
        mode: 'Shared',
        path: `${gluster.mountOf(number)}/queue`,
        leaseTermSeconds: termSeconds,
        inlineBodyBytes: 16 * 1024,
        segmentBytes: 1024 * 1024,
        minFreeBytes: 32 * 1024 * 1024,
      },
    }));
    nodes.push(node);
    node.up();
  }
  const journals = new Journals(`${gluster.brick}/queue`);
  journals.start();
  return {
    nodes,
    gluster,
    journals,
    later: LATER,
    stayOpen() {
      clearInterval(comingAndGoing);
      away = false;
    },
    readLogs: () => readLogs(nodes),
    async stop() {
      clearInterval(comingAndGoing);
      gluster.resumeBrick();
      for (const node of nodes) node.thaw();
      await gluster.killBrick();
      await Promise.all(nodes.map((node) => node.end()));
      await journals.stop();
      await gluster.stop();
      await comesAndGoes.close();
      await relayed.close();
      await local.close();
    },
  };
}

async function readLogs(nodes: readonly ChaosNode[]) {
  const settled: Settled[] = [];
  const errors: Record<string, number> = {};
  for (const node of nodes) {
    for await (const { msg, level, id, to, outcome, time, err } of node.log()) {
      if (msg === 'ended' && outcome === 'delivered') {
        settled.push({
          node: node.name,
          queueId: String(id),
          to: String(to),
          at: Date.parse(String(time)),
        });
      } else if (level === 'error' || level === 'fatal') {
        // Of what should never happen it is told what it was.
        const what = msg === 'defect' ? `defect (${JSON.stringify(err)})` : String(msg);
        errors[what] = (errors[what] ?? 0) + 1;
      }
    }
  }
  return { settled, errors };
}
