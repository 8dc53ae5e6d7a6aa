import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelopeOf, jobFor } from '../testing/test-queue.ts';
import { decodeGroup, decodeGroupHeader, encodeGroupHeader, GROUP_HEADER } from './group.ts';
import {
  decodeLaneRecord,
  decodeMessage,
  decodeSettled,
  encodeLaneRecord,
  encodeMessage,
  encodeSettled,
  type MessageToStore,
  parseEnvelope,
  parseJobs,
} from './message.ts';
import { type EncodedRecord, RECORD_HEADER } from './record.ts';
import { dataStart, decodeSegmentHeader, encodeSegmentHeader } from './segment.ts';

const magic = Buffer.from('0123456789abcdef', 'hex');
const uint48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const bytesOf = (record: EncodedRecord): Buffer => Buffer.concat(record.buffers);
const payloadOf = (record: EncodedRecord): Buffer => bytesOf(record).subarray(RECORD_HEADER);

const message = fc.record({
  sequence: uint48,
  size: uint48,
  arrivedAt: uint48,
  envelope: fc.string({ unit: 'grapheme' }).map((name) => JSON.stringify(envelopeOf(name))),
  jobs: fc
    .array(fc.record({ destination: fc.string(), recipients: fc.array(fc.nat(), { maxLength: 3 }) }))
    .map((jobs) => jobs.map(({ destination, recipients }) => jobFor(recipients, { destination }))),
  sender: fc.string({ unit: 'grapheme', maxLength: 40 }),
  body: fc.oneof(
    fc.record({
      name: fc.stringMatching(/^[0-9a-z]{1,12}\.[0-9a-z]{1,6}$/),
      crc: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined }),
    }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  ),
});

function sameMessage(payload: Buffer, stored: MessageToStore): void {
  const part = decodeMessage(payload);
  expect(part.sequence).toBe(stored.sequence);
  expect(part.size).toBe(stored.size);
  expect(part.arrivedAt).toBe(stored.arrivedAt);
  expect(parseEnvelope(part.envelope)).toEqual(JSON.parse(String(stored.envelope)));
  expect(parseJobs(part.jobs)).toEqual(stored.jobs);
  expect(part.sender).toBe(stored.sender);
  expect(part.body).toEqual(stored.body);
}

describe('a message', () => {
  it('comes back as it was stored', () => {
    fc.assert(
      fc.property(message, (stored) => sameMessage(payloadOf(encodeMessage('accepted', stored)), stored)),
    );
  });

  it('says the checksum of its body behind all that a reader of before looks at', () => {
    const stored = { sequence: 1, size: 9, arrivedAt: 2, envelope: '{}', jobs: [], sender: 'a' };
    const before = payloadOf(encodeMessage('accepted', { ...stored, body: { name: '1.2', crc: undefined } }));
    const now = payloadOf(encodeMessage('accepted', { ...stored, body: { name: '1.2', crc: 7 } }));
    expect(now.subarray(0, before.length)).toEqual(before);
    expect(now).toHaveLength(before.length + 4);
    expect(decodeMessage(before).body).toEqual({ name: '1.2', crc: undefined });
  });
});

describe('a settlement', () => {
  it('comes back with its report', () => {
    fc.assert(
      fc.property(uint48, fc.option(message, { nil: undefined }), (sequence, report) => {
        const state = {
          jobs: [jobFor([1])],
          ended: [{ recipient: 0, outcome: 'delivered' as const }],
        };
        const part = decodeSettled(payloadOf(encodeSettled(sequence, state, report)));
        expect(part.sequence).toBe(sequence);
        expect(part.state).toEqual(state);
        if (report) sameMessage(part.report!.payload, report);
        else expect(part.report).toBeUndefined();
      }),
    );
  });
});

describe('a lane record', () => {
  it('comes back', () => {
    fc.assert(
      fc.property(uint48, (value) => {
        expect(decodeLaneRecord(payloadOf(encodeLaneRecord('dropped', value)))).toBe(value);
      }),
    );
  });
});

describe('a segment header', () => {
  const header = fc
    .record({
      number: fc.integer({ min: 2000, max: 2 ** 32 - 1 }),
      epoch: uint48,
      seal: fc.array(uint48, { maxLength: 1500 }),
    })
    .map((parts) => ({ lane: 'abcdefghijkl', groupMagic: magic, ...parts }));

  it('comes back, from either copy', () => {
    fc.assert(
      fc.property(header, (stored) => {
        const bytes = encodeSegmentHeader(stored);
        expect(bytes).toHaveLength(dataStart(stored));
        expect(decodeSegmentHeader(bytes)).toEqual(stored);
        bytes[20] = bytes[20]! ^ 1;
        expect(decodeSegmentHeader(bytes)).toEqual(stored);
      }),
    );
  });

  it('that is cut or damaged in both copies is none', () => {
    fc.assert(
      fc.property(header, fc.nat(), (stored, at) => {
        const bytes = encodeSegmentHeader(stored);
        const used = 60 + 6 * stored.seal.length + 4;
        const bit = 12 + (at % (used - 12));
        for (const copy of [0, bytes.length / 2]) bytes[copy + bit] = bytes[copy + bit]! ^ 0x10;
        expect(decodeSegmentHeader(bytes)).toBeUndefined();
        expect(decodeSegmentHeader(encodeSegmentHeader(stored).subarray(0, used - 1))).toBeUndefined();
      }),
    );
  });

  it('of a newer version is refused', () => {
    const bytes = encodeSegmentHeader({
      lane: 'abcdefghijkl',
      number: 1,
      epoch: 1,
      groupMagic: magic,
      seal: [],
    });
    bytes.writeUInt16LE(99, 8);
    expect(() => decodeSegmentHeader(bytes)).toThrow('format 99');
  });
});

describe('a group', () => {
  const records = fc.array(message, { minLength: 1, maxLength: 5 });

  it('comes back with all of its records', () => {
    fc.assert(
      fc.property(records, uint48, uint48, (messages, sequence, proven) => {
        const encoded = messages.map((one) => encodeMessage('accepted', one));
        const bytes = Buffer.concat([
          encodeGroupHeader(magic, sequence, proven, encoded),
          ...encoded.flatMap(({ buffers }) => buffers),
        ]);
        const header = decodeGroupHeader(bytes, 0, magic)!;
        expect(header).toMatchObject({ sequence, proven, records: messages.length });
        const group = decodeGroup(header, bytes.subarray(GROUP_HEADER));
        expect(group.intact).toBe(true);
        for (const [i, record] of group.records.entries()) {
          sameMessage(record.payload, messages[i]!);
          expect(bytesOf(encoded[i]!).subarray(RECORD_HEADER).equals(record.payload)).toBe(true);
        }
      }),
    );
  });

  it('with one flipped bit loses one record at most, or says that it is not intact', () => {
    fc.assert(
      fc.property(records, fc.nat(), (messages, at) => {
        const encoded = messages.map((one) => encodeMessage('accepted', one));
        const header = encodeGroupHeader(magic, 1, 0, encoded);
        const bytes = Buffer.concat(encoded.flatMap(({ buffers }) => buffers));
        bytes[at % bytes.length] = bytes[at % bytes.length]! ^ 2;
        const group = decodeGroup(decodeGroupHeader(header, 0, magic)!, bytes);
        expect(group.intact).toBe(false);
        for (const record of group.records) {
          const original = encoded.find((one) => payloadOf(one).equals(record.payload));
          expect(original).toBeDefined();
        }
      }),
    );
  });

  it('of another segment, or with a damaged header, is none', () => {
    const encoded = [encodeLaneRecord('reserved', 7)];
    const header = encodeGroupHeader(magic, 1, 0, encoded);
    expect(decodeGroupHeader(header, 0, Buffer.alloc(8))).toBeUndefined();
    for (let bit = 0; bit < 40 * 8; bit += 1) {
      const damaged = Buffer.from(header);
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      expect(decodeGroupHeader(damaged, 0, magic), `bit ${bit}`).toBeUndefined();
    }
  });

  it('with a record of an unknown type is refused, not skipped', () => {
    const record = encodeLaneRecord('reserved', 7);
    record.buffers[0]!.writeUInt32LE(77, 0);
    const header = decodeGroupHeader(encodeGroupHeader(magic, 1, 0, [record]), 0, magic)!;
    expect(() => decodeGroup(header, bytesOf(record))).toThrow('unknown type 77');
  });
});
