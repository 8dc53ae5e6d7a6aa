/**
 * A pod that goes for good: the workers give away what they hold, then the volume is looked at; where nothing is left, the
 * workers end, it is looked at again, and that is the proof. It is made anew whenever it is asked for; where something has
 * appeared, the workers begin again.
 *
 * Nothing here fails for good: a volume that can't be read, or doesn't answer, gives no proof, and the status says why.
 * That a volume is being emptied is remembered on it: the next life of the process goes on with that. That lanes are let go is not:
 * nothing hangs on it.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { QueueConfig } from '../config.ts';
import type { Claim, DrainControl, Draining, DrainStatus, GivenUp } from '../control/drain-types.ts';
import { PostriderError } from '../errors.ts';
import type { MemberView } from '../fleet/types.ts';
import type { Disk } from '../queue/disk.ts';
import type { Host } from '../queue/host.ts';
import { type Proof, proofOf } from '../queue/proof/proof.ts';
import type { Leftover, LeftoverKind } from '../queue/proof/verdict.ts';
import type { HandOverStatus } from '../queue/transfer/hand-over.ts';
import type { LaneSummary } from '../queue/types.ts';
import { within } from '../within.ts';
import { drainProblems } from './drain-problems.ts';
import { DrainVolume, type Seen, VOLUME_MS } from './drain-volume.ts';
import type { LeavingMark } from './leaving-mark.ts';
import { Moved } from './moved.ts';
import type { Supervisor } from './supervisor.ts';

export interface DrainParts {
  readonly supervisor: Pick<Supervisor, 'config' | 'duty' | 'turnTo' | 'workers' | 'pids'>;
  /** Undefined where the config has no peers. */
  readonly fleet:
    | {
        members(): readonly MemberView[];
        giveUp(member: string): Promise<number>;
        /** What isn't mail, and would go with the volume. */
        passOn(): Promise<void>;
      }
    | undefined;
  readonly disk: Disk;
  readonly host: Host;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This pod, as a member of its fleet. */
  readonly name: string;
  readonly mark: LeavingMark;
}

/** How often it is looked whether the workers have come to an end, by itself. */
const LOOK_MS = 2000;
/** Before this nobody expects that anything has moved. */
const EARLY_MS = 10_000;
/** A worker that is busy for so long is not waited for. */
const WORKER_MS = 10_000;
/** What isn't mail has so long to go to others. */
const PASSING_MS = 10_000;
const MOST_LEFT = 100;
/** What a worker takes over, or removes, when it begins again. */
const FOR_WORKERS: ReadonlySet<LeftoverKind> = new Set<LeftoverKind>(['lane', 'otherOwner', 'removal']);

interface Begun {
  readonly claim: Claim;
  /** Ms since the epoch. */
  readonly at: number;
  /** Monotonic ms. */
  readonly since: number;
  readonly moved: Moved;
}

interface Held {
  readonly answered: number;
  readonly lanes: readonly LaneSummary[];
  readonly handOvers: readonly HandOverStatus[];
}

export class Drain implements DrainControl {
  readonly #parts: DrainParts;
  readonly #volume: DrainVolume;
  #begun: Begun | undefined;
  #looking: Promise<DrainStatus> | undefined;
  #cancelLook: () => void = () => {};
  #digest: string | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
    const { supervisor } = parts;
    this.#volume = new DrainVolume({
      ...parts,
      path: supervisor.config.queue.path,
      isOurs: (pid) => supervisor.pids().has(pid),
    });
  }

  /** Notes which queue it is that this pod has; to be called when it has opened it. */
  async identify(): Promise<void> {
    await this.#volume.identify();
  }

  /** What a former life of this pod has begun goes on. To be called before the workers are there; the volume is waited for. */
  async resume(): Promise<void> {
    const { supervisor, mark, clock, logger } = this.#parts;
    if (!(await mark.found(clock, logger))) return;
    this.#begin('empty');
    logger.info({ claim: 'empty' }, 'drain goes on');
    await supervisor.turnTo('leave', { keepLanes: true });
    this.#repeat();
  }

  async start(asked?: Claim): Promise<DrainStatus> {
    const { clock, supervisor, logger, mark } = this.#parts;
    const { mode } = supervisor.config.queue;
    const claim = asked ?? (mode === 'Shared' ? 'released' : 'empty');
    if (claim === 'released' && mode === 'PerReplica') {
      throw new PostriderError(
        'UsageError',
        'Nobody else sees the volume of this pod: it can only be emptied',
        {
          hint: 'Leave the claim out, or ask for "empty".',
        },
      );
    }
    if (this.#begun !== undefined && this.#begun.claim !== claim) {
      throw new PostriderError('UsageError', `A drain of another kind is under way: "${this.#begun.claim}"`, {
        hint: 'Cancel it first: DELETE /v1/drain.',
      });
    }
    if (this.#begun === undefined) {
      const begun = this.#begin(claim);
      logger.info({ mode, claim }, 'drain begun');
      if (claim === 'empty') {
        try {
          await mark.put();
        } catch (error) {
          if (this.#begun === begun) this.#begun = undefined;
          throw error;
        }
        if (this.#begun !== begun) return this.status();
      }
      await supervisor.turnTo('leave', { keepLanes: claim === 'empty' });
      await within(clock, VOLUME_MS, this.identify());
      this.#repeat();
    }
    return this.status();
  }

  #begin(claim: Claim): Begun {
    const { clock } = this.#parts;
    const begun = { claim, at: clock.now(), since: clock.monotonic(), moved: new Moved() };
    this.#begun = begun;
    return begun;
  }

  /** Where nothing was begun, or it was cancelled, nothing is asked of anybody. */
  status(): Promise<DrainStatus> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** The pod serves again, with new workers, as soon as the old ones have ended. What has moved stays where it is. */
  async cancel(): Promise<DrainStatus> {
    if (this.#begun !== undefined) {
      const { supervisor, logger, mark } = this.#parts;
      if (this.#begun.claim === 'empty') await mark.remove();
      this.#begun = undefined;
      this.#digest = undefined;
      this.#cancelLook();
      logger.info({}, 'drain cancelled');
      supervisor
        .turnTo('serve')
        .catch((error: unknown) => logger.error({ err: error }, 'workers did not end'));
    }
    return { state: 'notDraining' };
  }

  /**
   * A person says that a member is gone for good, with its volume. Rejects with `UsageError` where nothing is handed over,
   * `NoSuchResource` for a name that nobody has and nothing hangs on, `MemberLive` for one that is heard.
   */
  async giveUp(member: string): Promise<GivenUp> {
    const { fleet, supervisor, logger } = this.#parts;
    if (fleet === undefined || supervisor.config.queue.mode === 'Shared') {
      throw new PostriderError('UsageError', 'This pod hands nothing over: there is nobody to give up', {
        hint: 'Messages are pinned to members with storage mode PerReplica and peers alone.',
      });
    }
    const { handOvers } = await this.#held();
    const concerned = handOvers.flatMap(({ pinned, owed }) =>
      [...pinned, ...owed].map((each) => each.member),
    );
    if (![...concerned, ...fleet.members().map(({ name }) => name)].includes(member)) {
      throw new PostriderError('NoSuchResource', `There is no member ${member}, and nothing hangs on one`, {
        hint: 'GET /v1/fleet has the names of the members.',
      });
    }
    const freed = await fleet.giveUp(member);
    logger.warn({ member, freed }, 'a member was given up for good');
    return {
      member,
      freed,
      price:
        freed === 0
          ? 'Nothing was pinned to it.'
          : `${freed} messages go on from here. Should ${member} have taken some of them, and come back after all, these are delivered twice.`,
    };
  }

  #repeat(): void {
    this.#cancelLook();
    this.#cancelLook = this.#parts.clock.after(LOOK_MS, () => {
      // When it has come to rest, it is looked at when somebody asks.
      if (this.#begun === undefined || this.#parts.supervisor.duty !== 'leave') return;
      this.status()
        .catch((error: unknown) =>
          this.#parts.logger.error({ err: error }, 'the drain could not be looked at'),
        )
        .finally(() => this.#begun && this.#repeat());
    });
  }

  async #look(): Promise<DrainStatus> {
    const begun = this.#begun;
    if (begun === undefined) return { state: 'notDraining' };
    const { supervisor, clock } = this.#parts;
    const held = await this.#held(begun.moved);
    begun.moved.sample(clock.monotonic());
    if (supervisor.duty !== 'rest' && this.#holdsSomething(held)) return this.#draining(begun, held, []);
    let seen = await this.#volume.see(begun.claim);
    if (this.#begun !== begun) return this.#look();
    if (seen.verdict.left.length === 0 && supervisor.duty === 'leave') {
      await supervisor.turnTo('rest');
      if (this.#begun !== begun) return this.#look();
      await this.#passOn(begun.claim);
      seen = await this.#volume.see(begun.claim);
      if (this.#begun !== begun) return this.#look();
    }
    const proof = this.#prove(begun.claim, seen);
    const about = aboutOf(begun, supervisor.config.queue.mode);
    if (proof !== undefined) return { ...about, state: 'drained', proof };
    this.#resume(seen.verdict.left);
    return this.#draining(begun, held, seen.verdict.left);
  }

  /** The proof is of mail alone, and waits for nothing else for long. */
  async #passOn(claim: Claim): Promise<void> {
    const { fleet, clock, logger } = this.#parts;
    if (fleet === undefined || claim !== 'empty') return;
    const stays = (error?: unknown) =>
      logger.warn({ err: error }, 'what others could use may stay on the volume');
    if (!(await within(clock, PASSING_MS, fleet.passOn().catch(stays))))
      stays(new Error('it takes too long'));
  }

  /** What the workers say that they have; one that doesn't answer is not counted. */
  async #held(moved?: Moved): Promise<Held> {
    const { supervisor, clock } = this.#parts;
    const answers = await Promise.all(
      Array.from(supervisor.workers().values(), async (worker) => {
        const asked = Promise.all([worker.lanes(), worker.handOver()]);
        const came = await within(clock, WORKER_MS, asked).catch(() => false);
        if (!came) return undefined;
        const [lanes, handOver] = await asked;
        if (handOver) moved?.note(worker, handOver.moved);
        return { lanes, handOver };
      }),
    );
    const given = answers.filter((answer) => answer !== undefined);
    return {
      answered: given.length,
      lanes: given.flatMap(({ lanes }) => lanes),
      handOvers: given.flatMap(({ handOver }) => handOver ?? []),
    };
  }

  #holdsSomething({ answered, lanes, handOvers }: Held): boolean {
    return (
      answered < this.#parts.supervisor.config.workers ||
      lanes.length > 0 ||
      handOvers.some(({ pinned, owed }) => pinned.length + owed.length > 0)
    );
  }

  #prove(claim: Claim, { at, id, verdict }: Seen): Proof | undefined {
    const { supervisor, name, logger } = this.#parts;
    const { revision, fleet, queue } = supervisor.config;
    const proof = proofOf(
      {
        pod: name,
        fleet: `${fleet.namespace}/${fleet.name}`,
        revision,
        claim,
        queue: { path: queue.path, id },
      },
      verdict,
      at,
    );
    if (supervisor.duty !== 'rest') return undefined;
    if (proof !== undefined && this.#digest === undefined) logger.info({ proof }, 'drained');
    if (proof === undefined && this.#digest !== undefined) {
      logger.warn({ left: verdict.left.slice(0, MOST_LEFT) }, 'the proof that nothing is left is void');
    }
    this.#digest = proof?.digest;
    return proof;
  }

  /** The workers of a pod at rest begin again where there is something for them to give away. */
  #resume(left: readonly Leftover[]): void {
    const { supervisor, logger } = this.#parts;
    if (supervisor.duty !== 'rest' || !left.some(({ kind }) => FOR_WORKERS.has(kind))) return;
    supervisor
      .turnTo('leave', { keepLanes: this.#begun?.claim === 'empty' })
      .catch((error: unknown) => logger.error({ err: error }, 'workers did not end'));
    this.#repeat();
  }

  #draining(begun: Begun, { answered, lanes, handOvers }: Held, left: readonly Leftover[]): Draining {
    const { supervisor, clock, fleet } = this.#parts;
    const { queue, workers } = supervisor.config;
    const messages = lanes.reduce((sum, lane) => sum + lane.messages, 0);
    const movedPerSecond = begun.moved.rate();
    const early = clock.monotonic() - begun.since < EARLY_MS;
    return {
      ...aboutOf(begun, queue.mode),
      state: 'draining',
      messages,
      bytes: lanes.reduce((sum, lane) => sum + lane.bytes, 0),
      lanes: lanes.map(({ id, messages, bytes }) => ({ id, messages, bytes })),
      movedPerSecond,
      pinned: handOvers.flatMap(({ pinned }) => pinned),
      owed: handOvers.flatMap(({ owed }) => owed),
      problems: drainProblems({
        perReplica: queue.mode === 'PerReplica',
        workers: supervisor.duty === 'rest' ? 0 : workers,
        answered,
        messages,
        moving: early || movedPerSecond.messages > 0,
        members: fleet?.members(),
        handOvers,
      }),
      left: left.slice(0, MOST_LEFT),
    };
  }
}

function aboutOf({ claim, at, moved }: Begun, mode: QueueConfig['mode']) {
  return { mode, claim, since: new Date(at).toISOString(), moved: moved.total() };
}
