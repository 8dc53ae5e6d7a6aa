/**
 * One worker process of the fleet: the queue's own code and the scheduler's, over a simulated disk, clock and network.
 * Accepts and attempts as `mta/flow.ts` does, with the ledger looking on.
 */
import type { RecipientResult } from '../../mta/deliver/types.ts';
import { PostriderError, SmtpError } from '../../mta/errors.ts';
import { overdue } from '../../mta/overdue.ts';
import { type LaneQueue, openQueue } from '../../mta/queue/queue.ts';
import type { Job, LaneRelease, QueueId, StoredMessage, StoredReply } from '../../mta/queue/types.ts';
import { expiryOf, retryDelay } from '../../mta/schedule/backoff.ts';
import { ClockWatch } from '../../mta/schedule/clock-watch.ts';
import type { Work } from '../../mta/schedule/destination.ts';
import { Scheduler } from '../../mta/schedule/scheduler.ts';
import type { AttemptReport } from '../../mta/schedule/types.ts';
import { type Decision, decide, forAll, reconcile } from '../../mta/settle.ts';
import { contentOf, errorIn, isDiskError, reportIn, reportOf } from './content.ts';
import { converse, type Hop } from './conversation.ts';
import { durability } from './durability.ts';
import { type Delivery, heldIn, laneOfId, type MessageAccount } from './ledger.ts';
import { letterOf } from './letter.ts';
import type { Process } from './machine.ts';
import { indexOf, LOCAL, NO_REPLY, UNREACHABLE } from './next-hop.ts';
import type { PlannedMessage } from './plan.ts';
import { ProcessDisk } from './process-disk.ts';
import { CONFIG, DELIVERY } from './settings.ts';
import type { State } from './states.ts';
import type { WorkerWorld } from './worker-world.ts';

const UNTRIED: AttemptReport = { destination: 'untried', stored: Promise.resolve() };

export class Worker {
  readonly name: string;
  readonly process: Process;
  readonly #world: WorkerWorld;
  #queue: LaneQueue | undefined;
  #scheduler: Scheduler | undefined;
  #clockWatch: ClockWatch;
  #stopping = false;
  /** Settlements that have been asked for, and neither been stored nor refused. */
  unstored = 0;

  constructor(name: string, process: Process, world: WorkerWorld) {
    this.name = name;
    this.process = process;
    this.#world = world;
    this.#clockWatch = new ClockWatch(process.clock, () => undefined);
  }

  /** Opens the queue; a supervisor tries again where that fails. */
  start(): void {
    this.#open().catch((error: unknown) => {
      if (!(error instanceof PostriderError)) return this.#world.violated(error);
      this.#world.trace(() => `${this.name} can't open: ${error.message}`);
      this.process.clock.after(500 + this.#world.dice.fraction() * 2000, () => this.start());
    });
  }

  get messages(): number | undefined {
    return this.#queue?.counts().messages;
  }

  owns(id: QueueId): boolean {
    return this.#queue?.owns(id) ?? false;
  }

  /** Whether the last group of a message's lane went to the reserve. */
  onReserve(id: QueueId): boolean {
    return this.process.tracker.onReserve(laneOfId(id));
  }

  whyNotDurable({ id, content, recipients }: MessageAccount, taken: boolean): string | undefined {
    const hasBody = content.length > CONFIG.inlineBodyBytes && !recipients.some(({ ending }) => ending);
    const { machine, tracker } = this.process;
    return durability(machine.view, id, tracker.written(laneOfId(id)), { hasBody, taken });
  }

  async #open(): Promise<void> {
    const { process } = this;
    const { dice, trace, violated } = this.#world;
    const line = (_fields: object, message: string): void => trace(() => `${this.name}: ${message}`);
    const adopted: string[] = [];
    const queue = await openQueue(CONFIG, {
      disk: new ProcessDisk(process, this.#world),
      clock: process.clock,
      random: dice,
      host: process.host,
      log: {
        info: (fields, message) => {
          line(fields, message);
          if (message !== 'lane adopted') return;
          const { lane } = fields as { readonly lane: string };
          if (this.#queue) this.#adopted(this.#queue, lane);
          else adopted.push(lane);
        },
        warn: line,
        error: (fields, message) => {
          trace(() => `${this.name}: ${message} ${JSON.stringify(fields)} ${errorIn(fields)}`);
          if (/damaged/.test(message))
            violated(new Error(`nothing was damaged: ${message} ${JSON.stringify(fields)}`));
        },
      },
    });
    this.#queue = queue;
    for (const lane of adopted) this.#adopted(queue, lane);
    queue.onReleased((release) => this.#world.released(release, this));
    const scheduler = new Scheduler({
      queue,
      clock: process.clock,
      random: dice,
      attempt: (work) => this.#attempt(queue, work),
      lapse: (work, reply) => this.#lapse(queue, work, reply),
      delivery: () => DELIVERY,
      room: { of: () => DELIVERY.connectionsPerDestination, began: () => {}, onMore: () => {} },
      learnt: () => {},
      onDefect: (error) => violated(error),
    });
    this.#scheduler = scheduler;
    await scheduler.addAll(queue.entries());
  }

  #adopted(queue: LaneQueue, lane: string): void {
    try {
      this.#world.ledger.adopted(lane, heldIn(queue, lane), this);
    } catch (error) {
      this.#world.violated(error);
    }
  }

  /** As `worker.ts` drains: what is under way has some time to end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const scheduler = this.#scheduler;
    const queue = this.#queue;
    if (!scheduler || !queue) return;
    await Promise.race([
      scheduler.drain(),
      new Promise<void>((resolve) => this.process.clock.after(3000, resolve)),
    ]);
    await queue.release();
  }

  /** Tries every destination again that is down. */
  wake(): void {
    this.#scheduler?.wakeThose(() => true).catch(this.#world.violated);
  }

  /** A notice of the fleet channel. */
  noticed(release: LaneRelease): void {
    this.#queue?.noticed(release);
  }

  // ---- accept -----------------------------------------------------------------------------------------------------

  /** Resolves with whether the client heard 250. */
  async accept(key: string, message: PlannedMessage): Promise<boolean> {
    const queue = this.#queue;
    if (!queue || this.#stopping) return false;
    const { ledger, trace } = this.#world;
    const content = contentOf(key, message.size);
    const account = ledger.open(key, content, message.bounces, message.recipients.length);
    try {
      const draft = queue.draft();
      account.id = draft.id;
      ledger.named(draft.id, key);
      const middle = message.size > CONFIG.inlineBodyBytes ? message.size >> 1 : message.size;
      await draft.write(content.subarray(0, middle));
      if (middle < message.size) {
        await this.#network();
        await draft.write(content.subarray(middle));
      }
      const { envelope, jobs } = letterOf(key, message, this.process.clock.now());
      await draft.commit(envelope, jobs);
      trace(() => `${this.name} answers 250 for ${key} ${draft.id}`);
      ledger.accepted(account, this);
      return true;
    } catch (error) {
      if (!(error instanceof SmtpError)) this.#world.violated(error);
      trace(() => `${this.name} refuses ${key}: ${(error as Error).message}`);
      return false;
    }
  }

  // ---- attempt ----------------------------------------------------------------------------------------------------

  async #attempt(queue: LaneQueue, work: Work): Promise<AttemptReport> {
    let message: StoredMessage | undefined;
    try {
      message = await queue.read(work.id);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      return UNTRIED;
    }
    if (!message) return UNTRIED;
    const late = this.#overdue(message, work.job);
    if (late) {
      const recorded = this.#record(queue, message, late, { destination: 'untried' });
      if (late.deferred.length === 0) return recorded;
    }
    const job = late?.deferred[0] ?? work.job;
    return this.#in('before dot', () => this.#transaction(queue, message, job));
  }

  async #transaction(queue: LaneQueue, message: StoredMessage, job: Job): Promise<AttemptReport> {
    const { hops, ledger } = this.#world;
    const { id } = message;
    const destination = indexOf(job.destination);
    await this.#network();
    if (!hops.reachable(destination, this.#world.now)) {
      if (!queue.owns(id)) return UNTRIED;
      return this.#settle(queue, message, job, forAll(job, UNREACHABLE), {
        destination: 'unreachable',
        reply: UNREACHABLE,
      });
    }
    const deliveries: Delivery[] = [];
    const hop: Hop = {
      mail: () => {
        this.#try(() => ledger.tries(id, this, this.#world.workers, this.#world.now));
        return this.#network();
      },
      finalDot: (content) => this.#in('after dot', () => this.#finalDot(message, job, content, deliveries)),
    };
    const owned = (): boolean => queue.owns(id);
    try {
      const results = await converse(hop, message, job, { clock: this.process.clock, owned });
      return this.#settle(queue, message, job, results, { destination: 'answered' }, deliveries);
    } catch (error) {
      if (!(error instanceof SmtpError)) throw error;
      // As mta/flow.ts has it.
      if (!owned()) return UNTRIED;
      const [reply, seen] =
        error.blame === 'us' ? [LOCAL, 'untried' as const] : [NO_REPLY, 'answered' as const];
      return this.#settle(queue, message, job, forAll(job, reply), { destination: seen }, deliveries);
    }
  }

  /** The dot is on the wire: from here on it is the next hop's, whatever becomes of this process. */
  async #finalDot(
    message: StoredMessage,
    job: Job,
    content: Buffer,
    deliveries: Delivery[],
  ): Promise<readonly StoredReply[] | undefined> {
    const { hops, ledger, workers, now, trace } = this.#world;
    const { id } = message;
    const destination = indexOf(job.destination);
    ledger.tries(id, this, workers, now);
    const report = reportIn(content);
    const account = report ? undefined : this.#accountOf(message, content);
    if (account) ledger.dot(account, id, job.recipients, this, now);
    const lost = hops.losesReply(destination);
    return new Promise((resolve) => {
      this.#later(() => {
        const replies = hops.answers(destination, job.recipients);
        const taken = job.recipients.filter((_, i) => replies[i]!.code === 250);
        const whom = `${taken.join(' ') || 'nobody'}${lost ? ', reply lost' : ''}`;
        trace(() => `next hop takes ${id} from ${this.name}: ${whom}`);
        this.#try(() => {
          for (const index of taken) {
            if (account) deliveries.push(ledger.delivered(account, id, index, this));
            else if (report) ledger.reported(id, report.key, report.recipients);
          }
        });
        if (lost) for (const delivery of deliveries) delivery.interrupted = true;
        this.#later(() => this.process.deliver(() => resolve(lost ? undefined : replies)));
      });
    });
  }

  #try(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#world.violated(error);
    }
  }

  #accountOf(message: StoredMessage, content: Buffer): MessageAccount {
    const key = content.toString('latin1', 0, content.indexOf(' '));
    const account = this.#world.ledger.message(key);
    if (!content.equals(account.content))
      this.#world.violated(new Error(`content of ${message.id} has changed`));
    return account;
  }

  async #lapse(queue: LaneQueue, work: Work, reply?: StoredReply): Promise<AttemptReport> {
    const message = await queue.read(work.id).catch(() => undefined);
    if (!message) return UNTRIED;
    const late = this.#overdue(message, work.job);
    if (late) return this.#record(queue, message, late, { destination: 'untried' });
    const last = work.job.lastReply ?? reply;
    if (!last) return UNTRIED;
    const decision = this.#decide(message, work.job, forAll(work.job, last));
    if (decision.ended.length === 0) return UNTRIED;
    return this.#record(queue, message, decision, { destination: 'untried' });
  }

  #overdue({ envelope }: StoredMessage, job: Job): Decision | undefined {
    return this.#clockWatch.trusted() ? overdue(job, envelope, this.process.clock.now()) : undefined;
  }

  #settle(
    queue: LaneQueue,
    message: StoredMessage,
    job: Job,
    results: readonly RecipientResult[],
    seen: Omit<AttemptReport, 'stored'>,
    deliveries: readonly Delivery[] = [],
  ): AttemptReport {
    return this.#record(queue, message, this.#decide(message, job, results), seen, deliveries);
  }

  #decide(message: StoredMessage, job: Job, results: readonly RecipientResult[]): Decision {
    const { clock } = this.process;
    const { from, arrivedAt } = message.envelope;
    return decide(job, results, {
      now: clock.now(),
      arrivedAt,
      expiresAt: this.#clockWatch.trusted() ? expiryOf(DELIVERY, { from, arrivedAt }) : undefined,
      delay: retryDelay(DELIVERY.retry, job.attempts + 1, this.#world.dice.fraction()),
      warnAfter: 0,
    });
  }

  #record(
    queue: LaneQueue,
    message: StoredMessage,
    { ended, deferred }: Decision,
    seen: Omit<AttemptReport, 'stored'>,
    deliveries: readonly Delivery[] = [],
  ): AttemptReport {
    const { ledger, violated } = this.#world;
    const { id, envelope } = message;
    const failed = ended.filter(({ outcome }) => outcome !== 'delivered').map(({ recipient }) => recipient);
    const account = envelope.recipients[0]!.address.startsWith('report.')
      ? undefined
      : ledger.message(envelope.recipients[0]!.address.split('.')[0]!);
    for (const index of failed) if (account) account.recipients[index]!.failures += 1;
    const report =
      failed.length > 0 && account?.bounces
        ? reportOf(account.key, failed, this.process.clock.now())
        : undefined;
    const settlement = {
      ended,
      deferred: reconcile(queue.entry(id)?.jobs ?? [], deferred),
      ...(report ? { report } : {}),
    };
    if (account) ledger.ending(account, ended, this);
    this.unstored += 1;
    const stored = queue.settle(id, settlement).then(
      () => {
        this.unstored -= 1;
        if (account) ledger.ended(account, ended, this);
      },
      (error: unknown) => {
        this.unstored -= 1;
        for (const delivery of deliveries) delivery.interrupted = true;
        const isGone = error instanceof PostriderError && error.code === 'NoSuchMessage';
        if (!isGone && !(error instanceof SmtpError)) violated(error);
      },
    );
    return { ...seen, stored: stored.catch(violated) };
  }

  async #in<T>(state: State, work: () => Promise<T>): Promise<T> {
    this.process.enter(state);
    this.#world.delivering(this.process, state);
    try {
      return await work();
    } catch (error) {
      this.#world.violated(error);
      throw error;
    } finally {
      this.process.leave(state);
    }
  }

  #network(): Promise<void> {
    return new Promise((resolve) => this.#later(() => this.process.deliver(resolve)));
  }

  #later(run: () => void): void {
    const { loop } = this.process.machine;
    const { dice } = this.#world;
    loop.at(loop.now + 1 + dice.fraction() * (dice.chance(0.05) ? 3000 : 20), run);
  }
}
