/**
 * A lane that this process owns: one writer's journal, its index, its bodies. Opened by making or by claiming it;
 * ends by release, by retirement when it is empty, or by loss, after which nothing of it is touched any more.
 */
import { join } from 'node:path';
import type { Envelope } from '../envelope.ts';
import { PostriderError, smtpError } from '../errors.ts';
import { BodyWriter, readBody } from './body.ts';
import { Compaction } from './compaction.ts';
import type { LaneContext } from './context.ts';
import { isFull } from './disk.ts';
import { LaneDraft } from './draft.ts';
import { encodeLaneRecord, encodeMessage, encodeSettled } from './format/message.ts';
import { applySettlement } from './jobs.ts';
import { Journal } from './journal.ts';
import {
  BODIES,
  bodyName,
  formatQueueId,
  type LeaseName,
  lanesPath,
  newLaneId,
  ownerName,
  retiredName,
} from './layout.ts';
import { Lease } from './lease.ts';
import type { IndexedMessage, MessageIndex } from './message-index.ts';
import { inMemory, readMessage } from './read.ts';
import { type Recovered, recoverLane } from './recovery.ts';
import { Segments } from './segments.ts';
import { senderOf } from './sender.ts';
import { sharedSync } from './shared-sync.ts';
import { deleteFolder, sweepLane } from './sweep.ts';
import { letGo, renewRegularly } from './tenure.ts';
import type { Draft, NewMessage, QueueEntry, QueueId, Settlement, StoredMessage } from './types.ts';

/** Sequence numbers given away ahead of time, so that an id is never used twice, not even by a draft that failed. */
const RESERVED_AHEAD = 1 << 20;

export interface LaneEvents {
  onArrival(entry: QueueEntry): void;
  onLoss(lane: Lane, cause: unknown): void;
}

export class Lane {
  readonly id: string;
  readonly folder: string;
  readonly index: MessageIndex;
  readonly damaged: number;
  readonly #context: LaneContext;
  readonly #events: LaneEvents;
  readonly #lease: Lease;
  readonly #segments: Segments;
  readonly #journal: Journal;
  readonly #compaction: Compaction;
  readonly #epoch: number;
  readonly #syncBodies: () => Promise<void>;
  /** Bodies of messages that were refused after their record may have been written. */
  #doubtful: string[] = [];
  #sequence: number;
  #reserved = 0;
  #reserving = false;
  #stopRenewing: () => void = () => undefined;
  /** Records whose message, or report, is not yet in the index. */
  #writing = 0;
  #over = false;
  retired: boolean;

  /** Makes a new lane. */
  static async create(context: LaneContext, events: LaneEvents): Promise<Lane> {
    const id = newLaneId(context.random);
    const folder = join(lanesPath(context.config.path), id);
    await context.disk.makeDirectory(join(folder, BODIES));
    const lease = await Lease.create(context, folder);
    await context.disk.syncDirectory(lanesPath(context.config.path));
    return Lane.#open(context, events, id, folder, lease);
  }

  /** Claims a lane whose lease was seen as `source`; undefined where somebody else was first. */
  static async claim(
    context: LaneContext,
    events: LaneEvents,
    id: string,
    source: LeaseName,
  ): Promise<Lane | undefined> {
    const folder = join(lanesPath(context.config.path), id);
    const lease = await Lease.claim(context, folder, source);
    // Whoever made the lane may have died before its sync.
    if (lease) await context.disk.syncDirectory(lanesPath(context.config.path));
    return lease && Lane.#open(context, events, id, folder, lease);
  }

  static async #open(
    context: LaneContext,
    events: LaneEvents,
    id: string,
    folder: string,
    lease: Lease,
  ): Promise<Lane> {
    const { disk } = context;
    const owner = await disk.create(join(folder, ownerName(lease.nonce)));
    await owner.write([Buffer.from(JSON.stringify(context.host.self()))], 0);
    await owner.sync();
    await owner.close();
    // Recovery may take longer than a term.
    const stop = renewRegularly(context, lease, () => undefined);
    try {
      const epoch = lease.number;
      const recovered = await recoverLane(disk, folder, lease.segment, context.interner);
      const segments = new Segments(
        disk,
        context.random,
        { lane: id, folder, epoch, first: recovered.first, ends: recovered.ends },
        context.config.segmentBytes,
      );
      await segments.begin(recovered.next);
      const lane = new Lane(context, events, { id, folder, lease, segments, recovered, epoch });
      await lane.#reserve();
      await sweepLane(disk, folder, { first: segments.first, index: recovered.index, nonce: lease.nonce });
      return lane;
    } catch (error) {
      // A lane of a newer version is for others, at once; one that can't be read is left alone for a term.
      if (error instanceof PostriderError && error.code === 'QueueVersionUnsupported') {
        await letGo(context.disk, folder, lease);
      }
      lease.abandon();
      throw error;
    } finally {
      stop();
    }
  }

  private constructor(
    context: LaneContext,
    events: LaneEvents,
    parts: {
      id: string;
      folder: string;
      lease: Lease;
      segments: Segments;
      recovered: Recovered;
      epoch: number;
    },
  ) {
    const { recovered } = parts;
    this.#context = context;
    this.#events = events;
    this.id = parts.id;
    this.folder = parts.folder;
    this.index = recovered.index;
    this.damaged = recovered.damage.length;
    this.retired = recovered.retired;
    this.#lease = parts.lease;
    this.#segments = parts.segments;
    this.#epoch = parts.epoch;
    this.#sequence = recovered.highest + 1;
    this.#syncBodies = sharedSync(() => context.disk.syncDirectory(join(parts.folder, BODIES)));
    this.#journal = new Journal(parts.segments, parts.lease, context.clock, recovered.groupSequence, {
      onGroup: (records, bytes, seconds) => this.#onGroup(records, bytes, seconds),
      onLoss: (cause) => this.#onLoss(cause),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#compaction = new Compaction({
      index: this.index,
      segments: parts.segments,
      journal: this.#journal,
      segmentBytes: context.config.segmentBytes,
      log: (error) => context.log.error({ lane: this.id, err: error }, 'compaction of a lane stopped'),
    });
    this.#stopRenewing = renewRegularly(context, parts.lease, (cause) => this.#journal.lose(cause));
    for (const damage of recovered.damage) {
      context.log.error({ lane: this.id, ...damage }, 'damaged part of a segment kept aside');
    }
  }

  /** Whether the lane is ours as far as we can know: the last renewal is younger than a term. */
  get owned(): boolean {
    const term = this.#context.config.leaseTermSeconds * 1000;
    return !this.#lease.lost && this.#context.clock.monotonic() - this.#lease.renewedAt < term;
  }

  get idle(): boolean {
    return this.index.size === 0 && this.#writing === 0;
  }

  idOf(sequence: number): QueueId {
    return formatQueueId(this.id, sequence);
  }

  entryOf(message: IndexedMessage): QueueEntry {
    const { sequence, size, arrivedAt, sender, jobs } = message;
    return { id: this.idOf(sequence), size, arrivedAt, sender, jobs };
  }

  draft(): Draft {
    const sequence = this.#nextSequence();
    return new LaneDraft(this.idOf(sequence), {
      inlineBytes: this.#context.config.inlineBodyBytes,
      openBody: () => {
        const name = bodyName(sequence, this.#epoch);
        const folder = join(this.folder, BODIES);
        return { name, writer: new BodyWriter(this.#context.disk, folder, name, this.#syncBodies) };
      },
      accept: (content, envelope, jobs) => this.#accept(sequence, content, { envelope, jobs }),
    });
  }

  async enqueue({ envelope, jobs, content }: NewMessage): Promise<QueueId> {
    const draft = this.draft();
    await draft.write(content);
    await draft.commit(envelope, jobs);
    return draft.id;
  }

  async #accept(
    sequence: number,
    { size, body }: { readonly size: number; readonly body: string | Buffer },
    { envelope, jobs }: { readonly envelope: Envelope; readonly jobs: NewMessage['jobs'] },
  ): Promise<void> {
    const record = encodeMessage('accepted', {
      sequence,
      size,
      arrivedAt: envelope.arrivedAt,
      envelope: JSON.stringify(envelope),
      jobs,
      sender: senderOf(envelope),
      body,
    });
    this.#writing += 1;
    try {
      const where = await this.#journal.append(record, { keep: false });
      this.#arrived({ sequence, size, envelope, jobs, body }, where);
    } catch (error) {
      if (typeof body === 'string') this.#doubtful.push(body);
      throw error;
    } finally {
      this.#writing -= 1;
    }
    this.#collectDoubtful();
  }

  #arrived(
    message: {
      readonly sequence: number;
      readonly size: number;
      readonly envelope: Envelope;
      readonly jobs: NewMessage['jobs'];
      readonly body: string | Buffer;
    },
    where: { readonly segment: number; readonly offset: number; readonly length: number },
  ): void {
    const { sequence, size, envelope, body } = message;
    const indexed: IndexedMessage = {
      sequence,
      size,
      arrivedAt: envelope.arrivedAt,
      sender: this.#context.interner.string(senderOf(envelope)),
      body: typeof body === 'string' ? body : undefined,
      jobs: message.jobs.map((job) => this.#context.interner.intern(job)),
      segment: where.segment,
      offset: where.offset,
      length: where.length,
    };
    this.index.put(indexed);
    if (typeof body !== 'string') this.#context.cache.put(this.idOf(sequence), { envelope, content: body });
    this.#events.onArrival(this.entryOf(indexed));
  }

  /** As `Queue.settle`. */
  async settle(sequence: number, settlement: Settlement): Promise<QueueEntry | undefined> {
    const message = this.index.get(sequence);
    if (!message) {
      throw new PostriderError('NoSuchMessage', `there is no message ${this.idOf(sequence)} in the queue`);
    }
    const { ended, report } = settlement;
    const jobs = applySettlement(message.jobs, settlement).map((job) => this.#context.interner.intern(job));
    const reportSequence = report ? this.#nextSequence() : 0;
    const record = encodeSettled(
      sequence,
      { jobs, ended },
      report && {
        sequence: reportSequence,
        size: report.content.length,
        arrivedAt: report.envelope.arrivedAt,
        envelope: JSON.stringify(report.envelope),
        jobs: report.jobs,
        sender: senderOf(report.envelope),
        body: report.content,
      },
    );
    message.jobs = jobs;
    if (jobs.length === 0) {
      this.index.remove(sequence);
      this.#context.cache.delete(this.idOf(sequence));
    }
    this.#writing += 1;
    const where = await this.#journal.append(record, { keep: true, mayWait: true }).finally(() => {
      this.#writing -= 1;
    });
    if (report) {
      const { envelope, content } = report;
      this.#arrived(
        { sequence: reportSequence, size: content.length, envelope, jobs: report.jobs, body: content },
        where,
      );
    }
    if (jobs.length === 0 && message.body !== undefined) this.#removeBody(message.body);
    this.#collectDoubtful();
    this.#compaction.consider();
    return jobs.length > 0 ? this.entryOf(message) : undefined;
  }

  async read(sequence: number): Promise<StoredMessage | undefined> {
    const message = this.index.get(sequence);
    const id = this.idOf(sequence);
    const hot = this.#context.cache.get(id);
    const found = message && (hot ?? (await readMessage(this.#segments, this.index, sequence)));
    if (!message || !found) return undefined;
    const { content } = found;
    if (typeof content === 'string') {
      const path = join(this.folder, BODIES, content);
      const { size } = message;
      const stream = () => readBody(this.#context.disk, path, size);
      return {
        id,
        envelope: found.envelope,
        jobs: message.jobs,
        content: { size, bytes: undefined, stream },
      };
    }
    return { id, envelope: found.envelope, jobs: message.jobs, content: inMemory(content) };
  }

  /** Syncs what is waiting, lets the lane go, and says so to others. */
  async release(): Promise<void> {
    this.#over = true;
    await this.#compaction.stop();
    await this.#journal.close();
    await this.#segments.close();
    this.#stopRenewing();
    await letGo(this.#context.disk, this.folder, this.#lease);
  }

  /** Removes the lane, which must be idle and not be given new mail any more. */
  async retire(): Promise<void> {
    this.#over = true;
    await this.#compaction.stop();
    // Durable, and the lease renewed, before the first unlink: whoever claims the lane instead finishes this.
    await this.#journal.append(encodeLaneRecord('retired', 0), { keep: true });
    await this.#journal.close();
    await this.#segments.close();
    this.#stopRenewing();
    const gone = join(lanesPath(this.#context.config.path), retiredName(this.id));
    await this.#context.disk.rename(this.folder, gone);
    this.#lease.abandon();
    await deleteFolder(this.#context.disk, gone);
  }

  #nextSequence(): number {
    if (this.#sequence >= this.#reserved)
      throw smtpError('localError', { detail: 'no sequence number is free' });
    if (this.#reserved - this.#sequence < RESERVED_AHEAD / 2 && !this.#reserving) {
      void this.#reserve().catch(() => undefined);
    }
    this.#sequence += 1;
    return this.#sequence - 1;
  }

  async #reserve(): Promise<void> {
    this.#reserving = true;
    const upTo = this.#sequence + RESERVED_AHEAD;
    try {
      await this.#journal.append(encodeLaneRecord('reserved', upTo), { keep: true });
      this.#reserved = upTo;
    } finally {
      this.#reserving = false;
    }
  }

  #removeBody(name: string): void {
    // What can't be removed now is collected by the next owner.
    this.#context.disk.unlink(join(this.folder, BODIES, name)).catch(() => undefined);
  }

  /** A group has been committed after the one that failed: its segment's seal says that the refused don't count. */
  #collectDoubtful(): void {
    const names = this.#doubtful;
    if (names.length === 0) return;
    this.#doubtful = [];
    for (const name of names) this.#removeBody(name);
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
    this.#context.log.warn({ lane: this.id, err: cause }, 'lane lost');
    this.#events.onLoss(this, cause);
  }
}
