/**
 * Payloads of the records. A message is a fixed part, its envelope as JSON, its jobs as JSON, the name of its body
 * file if it has one and the CRC-32 of what is in it, else its content. JSON, as envelopes and jobs are maps that later
 * versions extend. Pure.
 *
 * ```
 *  0 sequence 6 | 6 content size 6 | 12 arrival, ms 6 | 18 length of the body's name 2
 * 20 length of the envelope 4 | 24 length of the jobs 4 | 28 length of the sender 2 | 30 unused 2
 * 32 envelope, jobs, sender, then name and CRC-32 4, or content
 * ```
 * Records of before have no CRC-32, and readers of before stop at the name.
 *
 * A settlement: `0 sequence 6 | 6 unused 2 | 8 length of the state 4 | 12 state, then the report as a message`.
 */
import type { Envelope } from '../../envelope.ts';
import type { TransferFacts } from '../transfer/facts.ts';
import type { EndedRecipient, Job } from '../types.ts';
import { type EncodedRecord, encodeRecord, RECORD_HEADER, type RecordType } from './record.ts';

const MESSAGE_FIXED = 32;
const SETTLED_FIXED = 12;
const BODY_CRC = 4;

/** The content of a large message, in a file of its own. */
export interface BodyFile {
  readonly name: string;
  /** CRC-32 of the content; undefined where nobody has said it. */
  readonly crc: number | undefined;
}

export interface MessageToStore {
  readonly sequence: number;
  readonly size: number;
  readonly arrivedAt: number;
  /** JSON. */
  readonly envelope: string | Buffer;
  readonly jobs: readonly Job[];
  /** As in `QueueEntry`. */
  readonly sender: string;
  /** The file, or the content itself. */
  readonly body: BodyFile | Buffer;
}

export interface MessagePart {
  readonly sequence: number;
  readonly size: number;
  readonly arrivedAt: number;
  /** JSON, not yet parsed: most readers don't need it. */
  readonly envelope: Buffer;
  readonly jobs: Buffer;
  readonly sender: string;
  readonly body: BodyFile | Buffer;
}

function messageHeadLength(message: MessageToStore, jobs: Buffer): number {
  const { envelope, body } = message;
  return (
    MESSAGE_FIXED +
    (typeof envelope === 'string' ? Buffer.byteLength(envelope) : envelope.length) +
    jobs.length +
    Buffer.byteLength(message.sender) +
    (Buffer.isBuffer(body) ? 0 : body.name.length + (body.crc === undefined ? 0 : BODY_CRC))
  );
}

function writeMessageHead(head: Buffer, at: number, message: MessageToStore, jobs: Buffer): void {
  const { envelope, body } = message;
  head.writeUIntLE(message.sequence, at, 6);
  head.writeUIntLE(message.size, at + 6, 6);
  head.writeUIntLE(message.arrivedAt, at + 12, 6);
  head.writeUInt16LE(Buffer.isBuffer(body) ? 0 : body.name.length, at + 18);
  const written =
    typeof envelope === 'string'
      ? head.write(envelope, at + MESSAGE_FIXED)
      : envelope.copy(head, at + MESSAGE_FIXED);
  head.writeUInt32LE(written, at + 20);
  head.writeUInt32LE(jobs.length, at + 24);
  let end = at + MESSAGE_FIXED + written;
  end += jobs.copy(head, end);
  const sender = head.write(message.sender, end);
  head.writeUInt16LE(sender, at + 28);
  head.writeUInt16LE(0, at + 30);
  if (Buffer.isBuffer(body)) return;
  end += sender;
  end += head.write(body.name, end, 'latin1');
  if (body.crc !== undefined) head.writeUInt32LE(body.crc, end);
}

const contentOf = (message: MessageToStore): Buffer | undefined =>
  Buffer.isBuffer(message.body) ? message.body : undefined;

export function encodeMessage(type: 'accepted' | 'relocated', message: MessageToStore): EncodedRecord {
  const jobs = Buffer.from(JSON.stringify(message.jobs));
  const head = Buffer.allocUnsafe(RECORD_HEADER + messageHeadLength(message, jobs));
  writeMessageHead(head, RECORD_HEADER, message, jobs);
  return encodeRecord(type, head, contentOf(message));
}

export function decodeMessage(payload: Buffer): MessagePart {
  const envelopeEnd = MESSAGE_FIXED + payload.readUInt32LE(20);
  const jobsEnd = envelopeEnd + payload.readUInt32LE(24);
  const senderEnd = jobsEnd + payload.readUInt16LE(28);
  const name = payload.readUInt16LE(18);
  return {
    sequence: payload.readUIntLE(0, 6),
    size: payload.readUIntLE(6, 6),
    arrivedAt: payload.readUIntLE(12, 6),
    envelope: payload.subarray(MESSAGE_FIXED, envelopeEnd),
    jobs: payload.subarray(envelopeEnd, jobsEnd),
    sender: payload.toString('utf8', jobsEnd, senderEnd),
    body: name > 0 ? decodeBodyFile(payload, senderEnd, senderEnd + name) : payload.subarray(senderEnd),
  };
}

function decodeBodyFile(payload: Buffer, from: number, end: number): BodyFile {
  return {
    name: payload.toString('latin1', from, end),
    crc: payload.length >= end + BODY_CRC ? payload.readUInt32LE(end) : undefined,
  };
}

/** The state of a message after a settlement: applying it twice, or after a later one was lost, does no harm. */
export interface SettledState {
  readonly jobs: readonly Job[];
  readonly ended: readonly EndedRecipient[];
  /** Of settlements of message 0, which no message is. */
  readonly transfer?: TransferFacts;
}

export function encodeSettled(
  sequence: number,
  state: SettledState,
  report: MessageToStore | undefined,
): EncodedRecord {
  const json = JSON.stringify(state);
  const stateLength = Buffer.byteLength(json);
  const jobs = report && Buffer.from(JSON.stringify(report.jobs));
  const reportAt = RECORD_HEADER + SETTLED_FIXED + stateLength;
  const head = Buffer.allocUnsafe(reportAt + (report && jobs ? messageHeadLength(report, jobs) : 0));
  head.writeUIntLE(sequence, RECORD_HEADER, 6);
  head.writeUInt16LE(0, RECORD_HEADER + 6);
  head.writeUInt32LE(stateLength, RECORD_HEADER + 8);
  head.write(json, RECORD_HEADER + SETTLED_FIXED);
  if (report && jobs) writeMessageHead(head, reportAt, report, jobs);
  return encodeRecord('settled', head, report && contentOf(report));
}

export interface SettledPart {
  readonly sequence: number;
  readonly state: SettledState;
  /** Payload of a message, and where it begins in the record's payload. */
  readonly report: { readonly payload: Buffer; readonly offset: number } | undefined;
}

export function decodeSettled(payload: Buffer): SettledPart {
  const offset = SETTLED_FIXED + payload.readUInt32LE(8);
  return {
    sequence: payload.readUIntLE(0, 6),
    state: JSON.parse(payload.toString('utf8', SETTLED_FIXED, offset)) as SettledState,
    report: offset < payload.length ? { payload: payload.subarray(offset), offset } : undefined,
  };
}

/** What the index needs of a record's payload: a message's without envelope, content and checksum, else all of it. */
export function withoutContent(type: RecordType, payload: Buffer): Buffer {
  if (type === 'accepted' || type === 'relocated') return bareMessage(payload, 0);
  if (type !== 'settled') return payload;
  const reportAt = SETTLED_FIXED + payload.readUInt32LE(8);
  return reportAt < payload.length ? bareMessage(payload, reportAt) : payload;
}

/** @param at where the message begins in the payload; what stands before it stays */
function bareMessage(payload: Buffer, at: number): Buffer {
  const envelope = payload.readUInt32LE(at + 20);
  const from = at + MESSAGE_FIXED + envelope;
  const rest = payload.readUInt32LE(at + 24) + payload.readUInt16LE(at + 28) + payload.readUInt16LE(at + 18);
  const bare = Buffer.allocUnsafe(at + MESSAGE_FIXED + rest);
  payload.copy(bare, 0, 0, at + MESSAGE_FIXED);
  bare.writeUInt32LE(0, at + 20);
  payload.copy(bare, at + MESSAGE_FIXED, from, from + rest);
  return bare;
}

/** A record about the lane itself: one number. */
export function encodeLaneRecord(
  type: Extract<RecordType, 'dropped' | 'reserved'>,
  value: number,
): EncodedRecord {
  const head = Buffer.alloc(RECORD_HEADER + 8);
  head.writeUIntLE(value, RECORD_HEADER, 6);
  return encodeRecord(type, head);
}

export const decodeLaneRecord = (payload: Buffer): number => payload.readUIntLE(0, 6);

export const parseEnvelope = (json: Buffer): Envelope => JSON.parse(json.toString()) as Envelope;

export const parseJobs = (json: Buffer): Job[] => JSON.parse(json.toString()) as Job[];
