/**
 * The pod's place in its fleet: what workers tell each other goes on to the other pods, and what those say comes back to
 * the workers. Throws `ConfigInvalid` or `CertificateInvalid` where the pod can't be a member as it is started.
 */
import { lookup } from 'node:dns/promises';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { memberName } from '../config.ts';
import { PostriderError } from '../errors.ts';
import { Fleet } from '../fleet/fleet.ts';
import { answerHandOver } from '../fleet/hand-over-routes.ts';
import type { KeptIdentity } from '../fleet/kept-identity.ts';
import type { FleetChannel, MemberCalls, MemberName } from '../fleet/types.ts';
import { nodeDisk } from '../queue/disk.ts';
import { isOnVolume } from '../queue/transfer/on-volume.ts';
import type { Random } from '../random.ts';
import { passCountsOn } from '../tls-rpt/open.ts';
import { answerCounts } from '../tls-rpt/pool-calls.ts';
import type { Supervisor } from './supervisor.ts';

export interface FleetPlace {
  readonly name: string;
  readonly identity: KeptIdentity | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onDefect: (error: unknown) => void;
}

export interface JoinedFleet {
  readonly channel: FleetChannel;
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * A person says that a member is gone for good, with its volume: messages that were on their way to it are free again.
   * Resolves with how many. Rejects with `MemberLive` where it is heard: then it can answer.
   */
  giveUp(member: MemberName): Promise<number>;
  /**
   * What isn't mail, would go with the volume, and is of worth to others goes to them, when the workers have ended. Rejects where the
   * volume fails.
   */
  passOn(): Promise<void>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/** A piece of messages may have to wait for the disk of who takes it. */
const ASK_IDLE_MS = 30_000;

/** Undefined where the config has no peers. */
export function joinFleet(supervisor: Supervisor, place: FleetPlace): JoinedFleet | undefined {
  const { config, pod, exchange, news } = supervisor;
  const { peers } = config;
  const { name, identity, random, ...deps } = place;
  if (peers === undefined) return undefined;
  if (!memberName.safeParse(name).success) throw refused(`${name} can't be the name of a member`);
  if (identity === undefined) throw refused('the config has peers, and this member no identity');
  if (peers.members.source === 'list' && !peers.members.list.some((member) => member.name === name)) {
    throw refused(`the list of peers has no ${name}`);
  }
  const fleet = new Fleet(config, peers, {
    self: name,
    identity,
    lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    budgets: pod.budgets,
    ...deps,
  });
  supervisor.pickUp.route(fleet);
  pod.onFlush(() => fleet.flush());
  news.onLearnt((learnt) => fleet.tell(learnt));
  supervisor.onLoaded((loaded) => loaded.peers && fleet.load(loaded.peers));
  // What another pod can't see it can't take.
  if (config.queue.mode === 'Shared') exchange.onReleased((release) => fleet.released(release));
  // What is on a volume that all of them see needs not to be moved.
  if (config.queue.mode === 'PerReplica') {
    answerHandOver(
      fleet,
      () => supervisor.workers(),
      (lane) => isOnVolume(nodeDisk, config.queue.path, lane),
    );
    answerCounts(fleet, () => supervisor.workers().get(0));
  }
  const calls: MemberCalls = {
    members: async () =>
      fleet
        .members()
        .filter(({ live }) => live)
        .map(({ name }) => name),
    async ask(member, path, query, body) {
      const answer = await fleet.request(member, path, Buffer.from(body), { query, idleMs: ASK_IDLE_MS });
      return answer.json();
    },
  };
  supervisor.connect(calls);
  const listeners = {
    budgets: () => pod.refresh(),
    loads: exchange.heard.bind(exchange),
    released: exchange.noticed.bind(exchange),
    news: news.heard.bind(news),
  };
  return {
    channel: fleet,
    start: async () => void (await fleet.start(peers, listeners, () => exchange.loads())),
    stop: () => fleet.stop(),
    async giveUp(member) {
      if (fleet.members().some(({ name, live }) => live && name === member)) {
        throw new PostriderError('MemberLive', `member ${member} lives: it was heard just now`, {
          hint: 'let it answer; give up only who is gone for good, with its volume',
        });
      }
      const freed = await Promise.all(
        Array.from(supervisor.workers().values(), (worker) => worker.giveUp(member)),
      );
      return freed.reduce((sum, count) => sum + count, 0);
    },
    async passOn() {
      if (config.queue.mode === 'Shared') return;
      const { clock, logger: log } = deps;
      const { path: queuePath } = config.queue;
      await passCountsOn({ queuePath, disk: nodeDisk, member: name, calls, clock, random, log });
    },
    metrics() {
      const state = pod.state();
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      const wanted = sum(state.map(({ want }) => want));
      const granted = sum(state.map(({ tokens }) => tokens));
      return fleet.counts.text({ members: fleet.members(), tokens: { wanted, granted } });
    },
  };
}

const refused = (what: string) =>
  new PostriderError('ConfigInvalid', what, {
    hint: 'start it with --name and --identity, as docs/fleet.md says, or take peers out of the config',
  });
