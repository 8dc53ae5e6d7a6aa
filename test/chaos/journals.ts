/**
 * What the journals of all lanes say, read on the brick's own disk beside the fleet, again and again, as segments and
 * lanes go when they are empty: which recipients' ends were recorded, where, and whether the record counts; and which
 * process owned a lane when. It takes no part in anything: it reads what the owners of the lanes wrote.
 *
 * What came and went between two looks was not seen, which `ends` then lacks. Anything that can't be read is read again
 * at the next look.
 */
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeGroup, decodeGroupHeader, GROUP_HEADER } from '../../mta/queue/format/group.ts';
import { decodeMessage, decodeSettled, parseEnvelope } from '../../mta/queue/format/message.ts';
import { dataStart, decodeSegmentHeader, type SegmentHeader } from '../../mta/queue/format/segment.ts';
import { parseOwner } from '../../mta/queue/host.ts';
import {
  formatQueueId,
  isLaneId,
  lanesPath,
  ownerName,
  parseLeaseName,
  parseSegmentName,
} from '../../mta/queue/layout.ts';
import { sleep } from '../support/wait.ts';

/** The record of a recipient's end. */
export interface End {
  readonly segment: number;
  readonly offset: number;
  /** Ms since the epoch: it had been written by then. */
  readonly seenAt: number;
}

/** A process that has held the lease of a lane. */
export interface Tenant {
  readonly node: string;
  /** As its container counts. */
  readonly pid: number;
  /** Ms since the epoch at which it was first seen. */
  readonly since: number;
}

export interface JournalRecords {
  /** Ends of a recipient that count, in the order of the journal. */
  endsOf(queueId: string, to: string): readonly End[];
  /**
   * Who of this node may have owned the lane of the message at that time: who was seen last before it, and who was seen first so soon
   * after it that he may have had it already. Nobody where nobody was seen.
   */
  ownersOf(queueId: string, node: string, at: number): readonly Tenant[];
}

/** What one lane has shown so far. */
interface LaneBook {
  readonly segments: Map<number, SegmentBook>;
  readonly tenants: Map<string, Tenant>;
  readonly ends: Map<string, End[]>;
  /** How far a segment counts, as the newest head says that named it. Kept when that is dropped, and its segment before it. */
  readonly seals: Map<number, { readonly by: number; readonly end: number }>;
}

interface SegmentBook {
  file: FileHandle | undefined;
  header: SegmentHeader | undefined;
  /** How far it has been read. */
  at: number;
}

const EVERY_MS = 100;
/** Heads of the run's lanes are shorter. */
const HEAD_BYTES = 64 * 1024;

export class Journals implements JournalRecords {
  readonly #lanes: string;
  readonly #books = new Map<string, LaneBook>();
  readonly #addresses = new Map<string, readonly string[]>();
  #running: Promise<void> | undefined;
  #stopped = false;

  /** @param queue folder of the queue, on the brick */
  constructor(queue: string) {
    this.#lanes = lanesPath(queue);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Looks once more, and closes what is open. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.look();
    for (const { segments } of this.#books.values()) {
      for (const segment of segments.values()) await close(segment);
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.look();
      await sleep(EVERY_MS);
    }
  }

  async look(): Promise<void> {
    const known = [...this.#books].filter(([, book]) => hasOpen(book)).map(([lane]) => lane);
    const listed = (await list(this.#lanes)).filter(isLaneId);
    for (const lane of new Set([...known, ...listed])) await this.#lookAt(lane);
  }

  endsOf(queueId: string, to: string): readonly End[] {
    const book = this.#books.get(laneOf(queueId));
    // What no head has sealed, or none that was seen, counts.
    const counts = ({ segment, offset }: End): boolean =>
      offset < (book?.seals.get(segment)?.end ?? Number.POSITIVE_INFINITY);
    return (book?.ends.get(`${queueId} ${to}`) ?? [])
      .filter(counts)
      .sort((a, b) => a.segment - b.segment || a.offset - b.offset);
  }

  ownersOf(queueId: string, node: string, at: number): readonly Tenant[] {
    const all = [...(this.#books.get(laneOf(queueId))?.tenants.values() ?? [])];
    return mayHaveOwned(
      all.filter((one) => one.node === node),
      at,
    );
  }

  /** Whether another node has taken over a lane of this one since then (ms since the epoch). */
  takenFrom(node: string, since: number): boolean {
    return [...this.#books.values()].some(({ tenants }) =>
      [...tenants.values()].some((one, i, all) => {
        const before = all[i - 1]?.node;
        return one.since >= since && before === node && one.node !== node;
      }),
    );
  }

  async #lookAt(lane: string): Promise<void> {
    const folder = join(this.#lanes, lane);
    let book = this.#books.get(lane);
    if (book === undefined) {
      book = { segments: new Map(), tenants: new Map(), ends: new Map(), seals: new Map() };
      this.#books.set(lane, book);
    }
    const names = await list(folder);
    const lease = names.map(parseLeaseName).find((name) => name !== undefined);
    if (lease !== undefined) await enter(book, folder, lease.nonce);
    const numbers = names.map(parseSegmentName).filter((number) => number !== undefined);
    for (const number of numbers) {
      if (book.segments.has(number)) continue;
      const name = names.find((one) => parseSegmentName(one) === number)!;
      const file = await open(join(folder, name)).catch(() => undefined);
      if (file !== undefined) book.segments.set(number, { file, header: undefined, at: 0 });
    }
    for (const [number, segment] of book.segments) {
      if (segment.file === undefined) continue;
      await this.#read(lane, book, number, segment).catch(() => undefined);
      // Its file is read through the descriptor to the end, though its name is gone.
      if (!numbers.includes(number)) await close(segment);
    }
  }

  async #read(lane: string, book: LaneBook, number: number, segment: SegmentBook): Promise<void> {
    const file = segment.file!;
    const { size } = await file.stat();
    if (segment.header === undefined) {
      segment.header = decodeSegmentHeader(await bytes(file, 0, Math.min(size, HEAD_BYTES)));
      if (segment.header === undefined) return;
      segment.at = dataStart(segment.header);
      seal(book, segment.header);
    }
    if (segment.at >= size) return;
    const seenAt = Date.now();
    const chunk = await bytes(file, segment.at, size - segment.at);
    let at = 0;
    for (;;) {
      const group = decodeGroupHeader(chunk, at, segment.header.groupMagic);
      const next = at + GROUP_HEADER + (group?.length ?? 0);
      if (group === undefined || next > chunk.length) break;
      const { records, intact } = decodeGroup(group, chunk.subarray(at + GROUP_HEADER, next));
      if (!intact) break;
      for (const { type, payload, offset } of records) {
        const where = { segment: number, offset: segment.at + at + GROUP_HEADER + offset, seenAt };
        if (type === 'accepted') this.#accepted(lane, payload);
        else if (type === 'settled') this.#settled(lane, book, payload, where);
      }
      at = next;
    }
    segment.at += at;
  }

  #accepted(lane: string, payload: Buffer): void {
    const { sequence, envelope } = decodeMessage(payload);
    const addresses = parseEnvelope(envelope).recipients.map(({ address }) => address);
    this.#addresses.set(formatQueueId(lane, sequence), addresses);
  }

  #settled(lane: string, book: LaneBook, payload: Buffer, end: End): void {
    const { sequence, state } = decodeSettled(payload);
    const queueId = formatQueueId(lane, sequence);
    for (const { recipient } of state.ended) {
      const key = `${queueId} ${this.#addresses.get(queueId)?.[recipient]}`;
      const ends = book.ends.get(key);
      if (ends === undefined) book.ends.set(key, [end]);
      else ends.push(end);
    }
  }
}

/** @param tenants in the order in which they were first seen */
export function mayHaveOwned(tenants: readonly Tenant[], at: number): readonly Tenant[] {
  const before = tenants.filter(({ since }) => since <= at).slice(-1);
  return [...before, ...tenants.filter(({ since }) => since > at && since <= at + 2 * EVERY_MS)];
}

function seal({ seals }: LaneBook, head: SegmentHeader): void {
  const first = head.number - head.seal.length;
  for (const [i, end] of head.seal.entries()) {
    const by = seals.get(first + i)?.by ?? 0;
    if (head.number > by) seals.set(first + i, { by: head.number, end });
  }
}

const hasOpen = ({ segments }: LaneBook): boolean =>
  [...segments.values()].some(({ file }) => file !== undefined);

const laneOf = (queueId: string): string => queueId.slice(0, queueId.indexOf('-'));

const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function bytes(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

async function close(segment: SegmentBook): Promise<void> {
  await segment.file?.close();
  segment.file = undefined;
}

async function enter({ tenants }: LaneBook, folder: string, nonce: string): Promise<void> {
  if (tenants.has(nonce)) return;
  const text = await readFile(join(folder, ownerName(nonce)), 'utf8').catch(() => '');
  const owner = parseOwner(text);
  if (owner) tenants.set(nonce, { node: owner.hostname, pid: owner.pid, since: Date.now() });
}
