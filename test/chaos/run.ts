/**
 * Faults on a fleet that shares one queue over a network file system: nodes killed, stopped for longer than the lease and
 * continued, the volume gone, hanging or full, while mail comes and goes. At the end everything is healed, the queue runs
 * empty, and every recipient that was answered 250 is accounted for.
 */
import { sleep, waitFor } from '../support/wait.ts';
import { Account } from './account.ts';
import { type Evidence, judge, type Verdict } from './duplicates.ts';
import { type Counts, type NodeFault, type Planned, plan, seeded, type VolumeFault } from './faults.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { type Load, startLoad } from './load.ts';

export interface ChaosOptions extends Counts {
  readonly nodes: number;
  readonly seed: number;
  readonly termSeconds: number;
  /** Mean ms between two faults. */
  readonly everyMs: number;
  /** Ms that a client waits between two messages. */
  readonly pauseMs: number;
  /** No fault begins later; the account tells how many there were. */
  readonly longestMs?: number;
  readonly onProgress?: (text: string) => void;
}

export interface ChaosReport extends Verdict {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly happened: readonly (NodeFault | VolumeFault)[];
  /** Stops during which somebody took over a lane of the node that stood still. */
  readonly stopsTaken: number;
  readonly messages: number;
  readonly acknowledged: number;
  readonly missing: readonly string[];
  readonly damaged: readonly string[];
  readonly unanswered: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Processes that ended by themselves, as where the volume was gone when they started. */
  readonly exits: number;
  /** Lines of the nodes' logs at level error, by message. */
  readonly errors: Readonly<Record<string, number>>;
  /** Ms that the last healing took until nothing was missing. */
  readonly drainMs: number;
  /** Why the faults ended early, or a node was not ready again after them. */
  readonly stuck: string | undefined;
}

const SESSIONS_PER_NODE = 2;
const PING_SECONDS = 4;
const DRAIN_MS = 180_000;
/** All nodes start at once, with nothing compiled yet, perhaps beside other work. */
const START_MS = 180_000;
/** One in so many stops finds all nodes up, and no other fault comes while it lasts: so its lanes are taken over. */
const STOP_ALONE_EVERY = 3;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const began = performance.now();
  const account = new Account();
  const fleet = await startFleet(options, account, PING_SECONDS);
  const nodeFaults: NodeFault[] = [];
  const volumeFaults: VolumeFault[] = [];
  let load: Load | undefined;
  try {
    await Promise.all(fleet.nodes.map((node) => node.ready(START_MS)));
    for (const node of fleet.nodes) node.expectQueue();
    load = startLoad({
      ports: fleet.nodes.map(({ ports }) => ports.smtp),
      sessions: SESSIONS_PER_NODE * fleet.nodes.length,
      account,
      kills: () => nodeFaults.length,
      pauseMs: options.pauseMs,
      later: fleet.later,
    });
    const strikes = new Strikes(fleet, options, nodeFaults, volumeFaults);
    const stuck = await recovers(strikes, fleet);
    fleet.stayOpen();
    await load.stop();
    const healed = performance.now();
    await waitFor('everything to arrive', () => account.missing === 0, { timeoutMs: DRAIN_MS }).catch(
      () => undefined,
    );
    const drainMs = Math.round(performance.now() - healed);
    // Whatever is still under way, of which there should be nothing, would be one copy more.
    await sleep(options.termSeconds * 2000);
    await Promise.all(fleet.nodes.map((node) => node.stop()));
    const { settled, errors } = await fleet.readLogs();
    await fleet.journals.stop();
    return {
      ...verdict(account, { nodeFaults, volumeFaults, settled, journals: fleet.journals }),
      ...count(load, [...nodeFaults, ...volumeFaults]),
      stopsTaken: strikes.stopsTaken,
      seed: options.seed,
      seconds: Math.round((performance.now() - began) / 1000),
      exits: fleet.nodes.reduce((sum, { exits }) => sum + exits, 0),
      errors,
      drainMs,
      stuck,
    };
  } finally {
    // Sessions with a node that is gone end with it.
    const stopped = load?.stop();
    await fleet.stop();
    await stopped;
  }
}

async function recovers(strikes: Strikes, { nodes }: Fleet): Promise<string | undefined> {
  try {
    await strikes.all();
    await Promise.all(nodes.map((node) => node.ready()));
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function verdict(account: Account, evidence: Evidence) {
  const { acknowledged, missing, damaged, unanswered } = account.totals();
  return { ...judge(account.copies, evidence), acknowledged, missing, damaged, unanswered };
}

function count(load: Load, faults: readonly (NodeFault | VolumeFault)[]) {
  const byKind: Record<string, number> = {};
  for (const { kind } of faults) byKind[kind] = (byKind[kind] ?? 0) + 1;
  const refused = Object.fromEntries([...load.refused].map(([code, times]) => [String(code), times]));
  return { faults: byKind, happened: faults, messages: load.sent, refused };
}

/** Lets the faults of the plan happen, one after the other; those that take a while go on beside the next. */
class Strikes {
  readonly #fleet: Fleet;
  readonly #options: ChaosOptions;
  readonly #nodeFaults: NodeFault[];
  readonly #volumeFaults: VolumeFault[];
  readonly #random: () => number;
  readonly #underWay = new Set<Promise<void>>();
  #stops = 0;
  stopsTaken = 0;
  /** The volume has one fault at a time. */
  #volume: Promise<void> = Promise.resolve();

  constructor(fleet: Fleet, options: ChaosOptions, nodeFaults: NodeFault[], volumeFaults: VolumeFault[]) {
    this.#fleet = fleet;
    this.#options = options;
    this.#nodeFaults = nodeFaults;
    this.#volumeFaults = volumeFaults;
    this.#random = seeded(options.seed);
  }

  async all(): Promise<void> {
    const planned = plan(this.#options, this.#random);
    const end = performance.now() + (this.#options.longestMs ?? Number.POSITIVE_INFINITY);
    for (const [done, kind] of planned.entries()) {
      if (performance.now() > end) break;
      await sleep(this.#options.everyMs * (0.5 + this.#random()));
      if (done % 20 === 0) this.#options.onProgress?.(`${done} of ${planned.length} faults`);
      await this.#strike(kind);
    }
    await Promise.all(this.#underWay);
  }

  async #strike(kind: Planned): Promise<void> {
    if (kind === 'kill' || kind === 'kill worker') return this.#kill(kind);
    if (kind === 'stop') return this.#stopOne();
    // A second one waits for the first, and everything else with it.
    await this.#volume;
    this.#volume = this.#trouble(kind);
    this.#beside(this.#volume);
  }

  #beside(work: Promise<void>): void {
    const done: Promise<void> = work.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** A node that serves, or any that is not at another's mercy where none does: starts are killed too. */
  async #pick() {
    const { nodes } = this.#fleet;
    const free = () => nodes.filter(({ busy }) => !busy);
    const ready = async () => {
      const states = await Promise.all(
        free().map(async (node) => ((await node.isReady()) ? node : undefined)),
      );
      const up = states.filter((node) => node !== undefined && !node.busy);
      return up[Math.floor(this.#random() * up.length)];
    };
    const found = await waitFor('a node that is ready', ready, { timeoutMs: 15_000 }).catch(() => undefined);
    return found ?? (await waitFor('a node to strike', () => free()[0], { timeoutMs: 60_000 }));
  }

  async #kill(kind: 'kill' | 'kill worker'): Promise<void> {
    const node = await this.#pick();
    const worker = kind === 'kill worker' ? node.killWorker(this.#random()) : undefined;
    if (worker !== undefined) this.#nodeFaults.push({ kind, node: node.name, ...worker });
    else this.#nodeFaults.push({ kind: 'kill', node: node.name, at: node.kill() });
  }

  async #stopOne(): Promise<void> {
    this.#stops += 1;
    if (this.#stops % STOP_ALONE_EVERY !== 0) return this.#beside(this.#stop());
    const { nodes } = this.#fleet;
    // A volume fault may keep them from it, which makes this stop one of the others.
    await Promise.all(nodes.map((node) => node.ready(30_000))).catch(() => undefined);
    return this.#stop();
  }

  async #stop(): Promise<void> {
    const node = await this.#pick();
    node.busy = true;
    const at = node.freeze();
    const index = this.#nodeFaults.push({ kind: 'stop', node: node.name, at }) - 1;
    await sleep(this.#options.termSeconds * 1000 * (1.2 + this.#random()));
    if (this.#fleet.journals.takenFrom(node.name, at)) this.stopsTaken += 1;
    this.#nodeFaults[index] = { kind: 'stop', node: node.name, at, to: Date.now() };
    node.thaw();
    node.busy = false;
  }

  async #trouble(kind: VolumeFault['kind']): Promise<void> {
    const { gluster, nodes } = this.#fleet;
    const from = Date.now();
    const number = Math.floor(this.#random() * nodes.length);
    // On both sides of the term, and of the time after which the brick is given up.
    const lasts = 1000 * (0.5 + this.#random() * (PING_SECONDS + this.#options.termSeconds));
    if (kind === 'brick killed') await gluster.killBrick();
    else if (kind === 'brick paused') gluster.pauseBrick();
    else if (kind === 'mount cut') await gluster.cut(number);
    else await gluster.fill(Math.floor(this.#random() * 512));
    await sleep(lasts);
    if (kind === 'brick killed') await gluster.startBrick();
    else if (kind === 'brick paused') gluster.resumeBrick();
    else if (kind === 'mount cut') await gluster.mount(number);
    else await gluster.free();
    await Promise.all(nodes.map((_, node) => gluster.answers(node)));
    const node = kind === 'mount cut' ? nodes[number]!.name : undefined;
    this.#volumeFaults.push({ kind, from, to: Date.now(), ...(node === undefined ? {} : { node }) });
  }
}
