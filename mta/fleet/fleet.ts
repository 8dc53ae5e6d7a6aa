/**
 * The fleet channel of one pod, in its supervisor: finds the other members, exchanges beats with each of them, and lets
 * others ask and answer through the same connections. A member that doesn't answer is asked again at the next beat; who
 * is silent costs nobody a wait, nor does a resolver. Starting rejects where the port or the identity can't be had.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { MtaConfig, Peers } from '../config.ts';
import type { LaneRelease } from '../queue/types.ts';
import type { WorkerLoad } from '../schedule/balance.ts';
import { type Beat, beatSchema, type DestinationNews, MOST_ITEMS } from './beat.ts';
import type { Budgets } from './budgets.ts';
import { createFleetClient, type FleetClient } from './client.ts';
import { FleetCounts } from './counts.ts';
import type { KeptIdentity } from './kept-identity.ts';
import { Members } from './members.ts';
import { createFleetServer, type FleetServer } from './server.ts';
import type { FleetAnswer, FleetCallOptions, FleetChannel, FleetHandler, MemberView } from './types.ts';
import { memberUnreachable } from './unreachable.ts';
import { parseFrom } from './version.ts';

export interface FleetDeps {
  readonly self: string;
  readonly identity: KeptIdentity;
  readonly lookup: (name: string) => Promise<readonly string[]>;
  readonly budgets: Budgets;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onDefect: (error: unknown) => void;
}

/** Whom to tell what others say. */
export interface FleetListeners {
  /** Budgets may have changed. */
  readonly budgets: () => void;
  readonly loads: (from: string, loads: readonly WorkerLoad[]) => void;
  readonly released: (release: LaneRelease) => void;
  readonly news: (news: DestinationNews) => void;
}

interface Link {
  busy: boolean;
  again: boolean;
  version: number | undefined;
  heard: number | undefined;
  releases: LaneRelease[];
  news: DestinationNews[];
}

/** All that the schema lets a beat have, and more. */
const LARGEST_BEAT = 16 * 1024 * 1024;

export class Fleet implements FleetChannel {
  readonly self: string;
  readonly counts = new FleetCounts();
  readonly #deps: FleetDeps;
  readonly #server: FleetServer;
  readonly #client: FleetClient;
  readonly #members: Members;
  readonly #links = new Map<string, Link>();
  readonly #memberListeners: (() => void)[] = [];
  readonly #beatMs: number;
  /** Longest wait for a member: below a term, and enough for a handshake on a busy machine, which begins anew if it is cut. */
  readonly #patienceMs: number;
  #listeners: FleetListeners | undefined;
  #loads: () => readonly WorkerLoad[] = () => [];
  #cancels: (() => void)[] = [];
  #seen = '';
  /** Whether the members could not be looked up the last time. */
  #isBlind = false;
  #stopped = false;

  constructor(config: MtaConfig, peers: Peers, deps: FleetDeps) {
    const { self, clock, onDefect } = deps;
    this.self = self;
    this.#deps = deps;
    this.#beatMs = config.queue.leaseTermSeconds * 125;
    this.#patienceMs = config.queue.leaseTermSeconds * 500;
    const identity = deps.identity.current;
    const { fleet } = config;
    this.#client = createFleetClient(fleet, identity, clock);
    const onCall = (from: string, version: number) => this.#heard(from, version);
    this.#server = createFleetServer({ fleet, identity, onCall, onDefect });
    deps.identity.onChange((renewed) => {
      this.#client.identify(renewed);
      this.#server.identify(renewed);
    });
    this.#members = new Members(peers, {
      self,
      lookup: deps.lookup,
      hello: async (where) => {
        const answer = await this.#client.call(where, undefined, '/hello', {}, { idleMs: this.#patienceMs });
        answer.body.resume();
        return answer.member;
      },
    });
    this.#server.route('/hello', async () => ({}));
    this.#server.route('/beat', async ({ from, json }) => {
      const version = this.#links.get(from)?.version ?? 1;
      this.#receive(from, parseFrom(beatSchema, await json(LARGEST_BEAT), version));
      return this.#beat(from);
    });
  }

  /** Listens, and begins to beat; resolves with the port. */
  async start(peers: Peers, listeners: FleetListeners, loads: () => readonly WorkerLoad[]): Promise<number> {
    this.#listeners = listeners;
    this.#loads = loads;
    const { port } = await this.#server.listen(peers.address, peers.port);
    this.#deps.budgets.begin(this.#members.names(), this.#deps.clock.monotonic());
    this.#repeat(this.#beatMs, () => this.#look());
    this.#repeat(this.#beatMs, async () => this.#turn());
    return port;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#cancels) cancel();
    this.#client.close();
    await this.#server.close();
  }

  /** Other members may be named now. */
  load(peers: Peers): void {
    this.#members.peers = peers;
    this.#name();
  }

  members(): readonly MemberView[] {
    const now = this.#deps.clock.monotonic();
    const live = this.#deps.budgets.live(now);
    return this.#others().map((name) => {
      const { version, heard } = this.#links.get(name) ?? {};
      const where = this.#members.where(name);
      return {
        name,
        address: where?.host ?? '',
        port: where?.port ?? 0,
        live: live.includes(name),
        heardSecondsAgo: heard === undefined ? undefined : (now - heard) / 1000,
        version,
      };
    });
  }

  onMembers(listener: () => void): void {
    this.#memberListeners.push(listener);
  }

  route(path: string, handler: FleetHandler): void {
    this.#server.route(path, handler);
  }

  async request(
    member: string,
    path: string,
    body: unknown,
    options?: FleetCallOptions,
  ): Promise<FleetAnswer> {
    const where = this.#members.where(member);
    if (where === undefined) throw memberUnreachable(member, 'is not known by that name');
    try {
      const answer = await this.#client.call(where, member, path, body, options);
      this.counts.called(true);
      this.#heard(member, answer.version);
      return answer;
    } catch (error) {
      this.counts.called(false);
      throw error;
    }
  }

  /** A worker of ours has let a lane go. */
  released(release: LaneRelease): void {
    for (const name of this.#others()) this.#queue(name, 'releases', release);
  }

  /** A worker of ours has learnt something of a destination. */
  tell(news: DestinationNews): void {
    for (const name of this.#others()) this.#queue(name, 'news', news);
  }

  /** Exchanges beats at once with whom budgets have something to say to. */
  flush(): void {
    for (const name of this.#deps.budgets.takeDue()) this.#exchange(name);
  }

  #queue<K extends 'releases' | 'news'>(name: string, kind: K, item: Link[K][number]): void {
    const items = this.#link(name)[kind] as (typeof item)[];
    if (items.length < MOST_ITEMS) items.push(item);
    this.#exchange(name);
  }

  #repeat(ms: number, run: () => Promise<void>): void {
    const again = () => {
      if (this.#stopped) return;
      const cancel = this.#deps.clock.after(ms, () => {
        this.#cancels = this.#cancels.filter((each) => each !== cancel);
        run().catch(this.#deps.onDefect).finally(again);
      });
      this.#cancels.push(cancel);
    };
    run().catch(this.#deps.onDefect).finally(again);
  }

  async #look(): Promise<void> {
    const { budgets, clock, logger } = this.#deps;
    const live = budgets.live(clock.monotonic());
    try {
      await this.#members.refresh((name) => live.includes(name));
      if (this.#isBlind) logger.info('the members can be looked up again');
      this.#isBlind = false;
    } catch (error) {
      if (!this.#isBlind) logger.warn({ err: error }, 'the members could not be looked up');
      this.#isBlind = true;
    }
    this.#name();
  }

  #turn(): void {
    const { budgets, clock } = this.#deps;
    this.#name();
    budgets.tick(clock.monotonic());
    this.#listeners?.budgets();
    for (const name of this.#others()) this.#exchange(name);
  }

  #name(): void {
    const now = this.#deps.clock.monotonic();
    const { budgets } = this.#deps;
    if (this.#members.known) budgets.setNames(this.#members.names(), now);
    else budgets.begin(this.#members.names(), now);
    for (const name of this.#links.keys()) if (!this.#others().includes(name)) this.#links.delete(name);
    const seen = `${this.#members.names()} ${this.#deps.budgets.live(now)}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#deps.logger.info({ members: this.#members.names(), live: this.#deps.budgets.live(now) }, 'members');
    for (const listener of this.#memberListeners) listener();
  }

  #others(): string[] {
    return this.#members.names().filter((name) => name !== this.self);
  }

  /** One exchange with a member at a time; what comes up meanwhile goes with the next. */
  #exchange(name: string): void {
    const link = this.#link(name);
    if (this.#stopped || this.#members.where(name) === undefined) return;
    if (link.busy) {
      link.again = true;
      return;
    }
    link.busy = true;
    link.again = false;
    this.#call(name)
      .then(
        () => link.again && this.#deps.clock.soon(() => this.#exchange(name)),
        // It is asked again at the next beat.
        (error: unknown) => this.#deps.logger.debug({ err: error, member: name }, 'a member did not answer'),
      )
      .finally(() => {
        link.busy = false;
      });
  }

  async #call(name: string): Promise<void> {
    const beat = this.#beat(name);
    const link = this.#link(name);
    link.releases = [];
    link.news = [];
    const answer = await this.request(name, '/beat', beat, { idleMs: this.#patienceMs });
    const version = this.#link(name).version ?? 1;
    this.#receive(name, parseFrom(beatSchema, await answer.json(LARGEST_BEAT), version));
  }

  #beat(to: string): Beat {
    const { budgets, clock } = this.#deps;
    const { releases, news } = this.#link(to);
    return {
      budgets: budgets.message(to, clock.monotonic()),
      loads: this.#loads().slice(0, MOST_ITEMS),
      releases: [...releases],
      news: [...news],
    };
  }

  #receive(from: string, beat: Beat): void {
    this.#deps.budgets.receive(from, beat.budgets, this.#deps.clock.monotonic());
    const listeners = this.#listeners;
    if (listeners === undefined) return;
    listeners.loads(from, beat.loads);
    for (const { to, ...release } of beat.releases) {
      listeners.released(to === undefined ? release : { ...release, to });
    }
    for (const news of beat.news) listeners.news(news);
    listeners.budgets();
    this.flush();
  }

  #heard(name: string, version: number): void {
    if (!this.#others().includes(name)) return;
    Object.assign(this.#link(name), { version, heard: this.#deps.clock.monotonic() });
  }

  #link(name: string): Link {
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { busy: false, again: false, version: undefined, heard: undefined, releases: [], news: [] };
      this.#links.set(name, link);
    }
    return link;
  }
}
