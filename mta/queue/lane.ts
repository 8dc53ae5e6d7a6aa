/**
 * A lane that this process owns: one writer's journal, its index, its bodies. Opened by making or by claiming it;
 * ends by release, by retirement when it is empty, or by loss, after which nothing of it is touched any more.
 */
import type { Envelope } from '../envelope.ts';
import { PostriderError, smtpError } from '../errors.ts';
import { Bodies } from './bodies.ts';
import { readBody } from './body-reader.ts';
import { Compaction } from './compaction.ts';
import type { LaneContext } from './context.ts';
import { errorCode, isFull } from './disk.ts';
import { LaneDraft } from './draft.ts';
import { type BodyFile, encodeMessage, encodeSettled, type MessageToStore } from './format/message.ts';
import { handleOf } from './handles.ts';
import { applySettlement } from './jobs.ts';
import { Journal } from './journal.ts';
import { LaneDamage } from './lane-damage.ts';
import { formatQueueId } from './layout.ts';
import type { Lease } from './lease.ts';
import type { IndexedMessage, MessageIndex, RecordLocation } from './message-index.ts';
import { OpenDrafts } from './open-drafts.ts';
import type { LaneParts } from './open-lane.ts';
import { type FoundMessage, inMemory, readMessage } from './read.ts';
import type { Recovered } from './recovery.ts';
import { letGo } from './releases.ts';
import type { Segments } from './segments.ts';
import { senderOf } from './sender.ts';
import { Sequences } from './sequences.ts';
import { removeLane } from './sweep.ts';
import { renewRegularly } from './tenure.ts';
import type { TransferKey } from './transfer/facts.ts';
import { LaneTransfers } from './transfer/lane-transfers.ts';
import type {
  Draft,
  Job,
  LaneRelease,
  NewMessage,
  QueueEntry,
  QueueId,
  Settlement,
  StoredMessage,
  WorkerId,
} from './types.ts';

export interface LaneEvents {
  onArrival(entry: QueueEntry): void;
  onLoss(lane: Lane, cause: unknown): void;
}

/** A message whose record is being written. */
type Arriving = Pick<IndexedMessage, 'sequence' | 'size' | 'jobs'> & {
  readonly envelope: Envelope;
  readonly body: BodyFile | Buffer;
};

export class Lane {
  readonly id: string;
  readonly folder: string;
  /** In handles. */
  readonly number: number;
  readonly index: MessageIndex;
  readonly drafts = new OpenDrafts();
  readonly transfers: LaneTransfers;
  readonly #context: LaneContext;
  readonly #events: LaneEvents;
  readonly #lease: Lease;
  readonly #segments: Segments;
  readonly #journal: Journal;
  readonly #compaction: Compaction;
  readonly #bodies: Bodies;
  readonly #sequences: Sequences;
  readonly #damage: LaneDamage;
  #stopRenewing: () => void = () => undefined;
  /** Records whose message, or report, is not yet in the index. */
  #writing = 0;
  #over = false;
  /** Takes no message any more, not even one whose draft was begun. */
  #closed = false;

  /** @param parts of a lane that has been recovered, and whose next segment has been begun */
  constructor(context: LaneContext, events: LaneEvents, parts: LaneParts) {
    const { recovered } = parts;
    this.#context = context;
    this.#events = events;
    this.id = parts.id;
    this.folder = parts.folder;
    this.number = context.handles.open(parts.id);
    this.index = recovered.index;
    this.#damage = new LaneDamage({
      context,
      lane: this.id,
      folder: this.folder,
      index: this.index,
      found: recovered.damage,
      settle: (sequence, settlement) => this.#settle(sequence, settlement),
    });
    this.#lease = parts.lease;
    this.#segments = parts.segments;
    this.#bodies = new Bodies(context.disk, parts.folder, parts.epoch);
    this.#journal = new Journal(parts.segments, parts.lease, context.clock, recovered.groupSequence, {
      onGroup: (records, bytes, seconds) => this.#onGroup(records, bytes, seconds),
      onLoss: (cause) => this.#onLoss(cause),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#sequences = new Sequences(this.#journal, recovered.highest + 1);
    this.#compaction = new Compaction({
      index: this.index,
      segments: parts.segments,
      journal: this.#journal,
      segmentBytes: context.config.segmentBytes,
      restate: async () => {
        await Promise.all([this.#sequences.reserve(), this.transfers.restate()]);
      },
      setAside: (sequence, error) => this.#damage.setAside(sequence, error),
      log: (error) => context.log.error({ lane: this.id, err: error }, 'compaction of a lane stopped'),
    });
    this.transfers = this.#makeTransfers(recovered);
    this.#stopRenewing = renewRegularly(context, parts.lease, this.#journal);
  }

  /** Before the first draft. */
  async start(): Promise<void> {
    await this.#sequences.reserve();
  }

  /** Damaged parts that have been found. */
  get damaged(): number {
    return this.#damage.count;
  }

  /** Whether the lane is ours as far as we can know: the last renewal is younger than a term. */
  get owned(): boolean {
    const term = this.#context.config.leaseTermSeconds * 1000;
    return !this.#lease.lost && this.#context.clock.monotonic() - this.#lease.renewedAt < term;
  }

  /** Whether it has ended for us, in whatever way. */
  get over(): boolean {
    return this.#over;
  }

  /** Of our lease. */
  get nonce(): string {
    return this.#lease.nonce;
  }

  get idle(): boolean {
    return this.index.size === 0 && this.#writing === 0 && this.transfers.idle;
  }

  idOf(sequence: number): QueueId {
    return formatQueueId(this.id, sequence);
  }

  entryOf(message: IndexedMessage): QueueEntry {
    const { sequence, size, arrivedAt, sender } = message;
    // Nobody but its receiver may have it meanwhile.
    const jobs = this.transfers.pinned(sequence) ? message.jobs.map(held) : message.jobs;
    const handle = handleOf(this.number, sequence);
    return { id: this.idOf(sequence), handle, size, arrivedAt, sender, jobs };
  }

  /** @param key of a message that another lane hands over */
  draft(key?: TransferKey): Draft {
    if (key && this.#context.space.full) throw smtpError('insufficientStorage');
    const sequence = this.#sequences.next();
    this.drafts.begun();
    return new LaneDraft(this.idOf(sequence), {
      inlineBytes: this.#context.config.inlineBodyBytes,
      onEnd: () => this.drafts.ended(),
      openBody: () => this.#bodies.open(sequence),
      accept: (content, envelope, jobs) => this.#accept(sequence, content, { envelope, jobs }, key),
    });
  }

  async enqueue({ envelope, jobs, content }: NewMessage): Promise<QueueId> {
    const draft = this.draft();
    try {
      await draft.write(content);
      await draft.commit(envelope, jobs);
    } catch (error) {
      await draft.abort();
      throw error;
    }
    return draft.id;
  }

  #makeTransfers({ transfers }: Recovered): LaneTransfers {
    return new LaneTransfers(this, transfers, {
      random: this.#context.random,
      append: (record) => this.#journal.append(record, { keep: true }),
      settle: (sequence, settlement) => this.#settle(sequence, settlement),
      free: (entry) => this.#events.onArrival(entry),
    });
  }

  async #accept(
    sequence: number,
    { size, body }: { readonly size: number; readonly body: BodyFile | Buffer },
    { envelope, jobs }: { readonly envelope: Envelope; readonly jobs: NewMessage['jobs'] },
    key: TransferKey | undefined,
  ): Promise<void> {
    const arriving = { sequence, size, envelope, jobs, body };
    const message = forRecord(arriving);
    const record = key
      ? encodeSettled(0, { jobs: [], ended: [], transfer: { received: key } }, message)
      : encodeMessage('accepted', message);
    this.#writing += 1;
    try {
      if (this.#closed) throw smtpError('leaseLost');
      let entry: QueueEntry | undefined;
      const placed = (where: RecordLocation): void => {
        entry = this.#put(arriving, where);
        if (key) this.transfers.received(key, sequence);
      };
      await this.#journal.append(record, { keep: false, placed });
      if (entry) this.#events.onArrival(entry);
    } catch (error) {
      if (!Buffer.isBuffer(body)) this.#bodies.doubt(body.name);
      throw error;
    } finally {
      this.#writing -= 1;
    }
    this.#bodies.collectDoubtful();
  }

  #put({ envelope, body, ...message }: Arriving, where: RecordLocation): QueueEntry {
    const indexed: IndexedMessage = {
      ...message,
      arrivedAt: envelope.arrivedAt,
      sender: senderOf(envelope),
      body: Buffer.isBuffer(body) ? undefined : body.name,
      ...where,
    };
    this.index.put(indexed);
    if (Buffer.isBuffer(body))
      this.#context.cache.put(this.idOf(message.sequence), { envelope, content: body });
    return this.entryOf(indexed);
  }

  /** As `Queue.settle`. */
  async settle(sequence: number, settlement: Settlement): Promise<void> {
    this.transfers.mayChange(sequence);
    return this.#settle(sequence, settlement);
  }

  async #settle(sequence: number, settlement: Settlement): Promise<void> {
    const message = this.index.get(sequence);
    if (!message) {
      throw new PostriderError('NoSuchMessage', `there is no message ${this.idOf(sequence)} in the queue`);
    }
    const { ended, report } = settlement;
    const jobs = applySettlement(message.jobs, settlement);
    const reportSequence = report ? this.#sequences.next() : 0;
    const arriving = report && {
      ...{ sequence: reportSequence, size: report.content.length, envelope: report.envelope },
      ...{ jobs: report.jobs, body: report.content },
    };
    const record = encodeSettled(sequence, { jobs, ended }, arriving && forRecord(arriving));
    if (jobs.length > 0) this.index.setJobs(sequence, jobs);
    else {
      this.index.remove(sequence);
      this.#context.cache.delete(this.idOf(sequence));
    }
    this.#writing += 1;
    let entry: QueueEntry | undefined;
    const placed = (where: RecordLocation): void => {
      if (arriving) entry = this.#put(arriving, where);
    };
    await this.#journal.append(record, { keep: true, mayWait: true, placed }).finally(() => {
      this.#writing -= 1;
    });
    if (entry) this.#events.onArrival(entry);
    if (jobs.length === 0 && message.body !== undefined) this.#bodies.remove(message.body);
    this.#bodies.collectDoubtful();
    this.#compaction.consider();
  }

  async read(sequence: number): Promise<StoredMessage | undefined> {
    const message = this.index.get(sequence);
    const id = this.idOf(sequence);
    const hot = this.#context.cache.get(id);
    const found = message && (hot ?? (await this.#readBack(sequence)));
    if (!message || !found) return undefined;
    const { envelope, content } = found;
    const { jobs, size } = message;
    if (Buffer.isBuffer(content)) return { id, envelope, jobs, content: inMemory(content) };
    const body = this.#bodies.locate(content, size);
    const stream = () =>
      readBody(this.#context.disk, body).on('error', (error) => this.#damage.suspect(sequence, body, error));
    return { id, envelope, jobs, content: { size, bytes: undefined, stream } };
  }

  async #readBack(sequence: number): Promise<FoundMessage | undefined> {
    try {
      return await readMessage(this.#segments, this.index, sequence);
    } catch (error) {
      // Its segment may have gone with the lane, and nobody has noticed yet.
      if (errorCode(error) === 'ENOENT') await this.#lease.renew().catch((cause) => this.giveUp(cause));
      if (this.#over) return undefined;
      if (!(error instanceof PostriderError && error.code === 'QueueDamaged')) throw error;
      await this.#damage.setAside(sequence, error);
      return undefined;
    }
  }

  /**
   * Syncs what is waiting, lets the lane go, and leaves word of it on the volume. Undefined where it had been lost.
   *
   * @param to who should take it; anybody, where absent
   */
  async release(to?: WorkerId): Promise<LaneRelease | undefined> {
    this.#over = true;
    await this.#close();
    await this.#segments.release();
    const { disk, config, log } = this.#context;
    const release = await letGo(disk, config.path, this.id, this.#lease, to);
    if (release) log.info({ lane: this.id, to, messages: this.index.size }, 'lane let go');
    return release;
  }

  /**
   * Removes the lane, which must be idle. False where a message came meanwhile: then it goes on, without new mail. A lane
   * with something damaged kept aside stays, out of the way, for a person to look at.
   */
  async retire(): Promise<boolean> {
    this.#closed = true;
    if (this.#over || !this.idle) return false;
    this.#over = true;
    await this.#close();
    await this.#segments.close();
    // Before the first unlink: whoever claims the lane instead finds it empty.
    await this.#lease.retire();
    await removeLane(this.#context.disk, this.#context.config.path, this.id);
    return true;
  }

  /** Nothing of it is touched any more, and nobody who doesn't know it yet hears of it. */
  giveUp(cause: unknown): void {
    this.#journal.lose(cause);
  }

  /** Writes what is waiting. On a full volume compaction waits for the journal: so it can't be waited for first. */
  async #close(): Promise<void> {
    const stopped = this.#compaction.stop();
    await this.#journal.close();
    // Nothing counts that is written from here on: where the rest hangs, the lane is for others after a term.
    this.#stopRenewing();
    await stopped;
  }

  #onGroup(records: number, bytes: number, seconds: number): void {
    const { stats } = this.#context;
    stats.groups += 1;
    stats.records += records;
    stats.bytes += bytes;
    this.#context.onSync(seconds, records);
    this.#compaction.consider();
  }

  #onFailure(error: unknown): void {
    if (isFull(error)) this.#context.space.exhausted();
    this.#context.log.error({ lane: this.id, err: error }, 'group could not be written');
  }

  #onLoss(cause: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopRenewing();
    void this.#compaction.stop();
    void this.#segments.close();
    this.#context.log.warn({ lane: this.id, messages: this.index.size, err: cause }, 'lane lost');
    this.#events.onLoss(this, cause);
  }
}

const held = (job: Job): Job => (job.held ? job : { ...job, held: true });

const forRecord = (message: Arriving): MessageToStore => ({
  ...message,
  arrivedAt: message.envelope.arrivedAt,
  envelope: JSON.stringify(message.envelope),
  sender: senderOf(message.envelope),
});
