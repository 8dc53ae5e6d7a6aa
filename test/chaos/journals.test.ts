import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { encodeGroupHeader } from '../../mta/queue/format/group.ts';
import { encodeMessage, encodeSettled } from '../../mta/queue/format/message.ts';
import type { EncodedRecord } from '../../mta/queue/format/record.ts';
import { dataStart, encodeSegmentHeader } from '../../mta/queue/format/segment.ts';
import { linuxHost } from '../../mta/queue/host.ts';
import { leaseName, ownerName, segmentName } from '../../mta/queue/layout.ts';
import { temporaryFolder } from '../support/folders.ts';
import { Journals } from './journals.ts';

const LANE = 'abcdefghijkl';
const ID = `${LANE}-5`;
const magic = Buffer.from('8 bytes.');
let queue: string;
let folder: string;
let journals: Journals;

beforeEach(() => {
  queue = temporaryFolder('journals');
  folder = join(queue, 'lanes', LANE);
  mkdirSync(folder, { recursive: true });
  journals = new Journals(queue);
});

const path = (number: number) => join(folder, segmentName(number));

function begin(number: number, seal: readonly number[] = []): number {
  const header = { lane: LANE, number, epoch: 1, groupMagic: magic, seal };
  writeFileSync(path(number), encodeSegmentHeader(header));
  return dataStart(header);
}

function group(number: number, records: readonly EncodedRecord[]): Buffer {
  const header = encodeGroupHeader(magic, 1, 0, records);
  const bytes = Buffer.concat([header, ...records.flatMap(({ buffers }) => buffers)]);
  appendFileSync(path(number), bytes);
  return bytes;
}

const accepted = () =>
  encodeMessage('accepted', {
    sequence: 5,
    size: 1,
    arrivedAt: 0,
    envelope: JSON.stringify({ recipients: [{ address: 'a@x' }, { address: 'b@x' }] }),
    jobs: [],
    sender: '',
    body: Buffer.from('x'),
  });
const settled = (recipient: number) =>
  encodeSettled(5, { jobs: [], ended: [{ recipient, outcome: 'delivered' }] }, undefined);

it('tell whose end was recorded, as it is written', async () => {
  begin(1);
  await journals.look();
  group(1, [accepted()]);
  await journals.look();
  expect(journals.endsOf(ID, 'b@x')).toEqual([]);
  group(1, [settled(1)]);
  await journals.look();
  expect(journals.endsOf(ID, 'b@x')).toHaveLength(1);
  expect(journals.endsOf(ID, 'a@x')).toEqual([]);
  await journals.stop();
});

it('tell it of a segment whose name has gone meanwhile', async () => {
  begin(1);
  group(1, [accepted()]);
  await journals.look();
  group(1, [settled(0)]);
  rmSync(path(1));
  await journals.stop();
  expect(journals.endsOf(ID, 'a@x')).toHaveLength(1);
});

it('count up to the seal of the next segment, and no further', async () => {
  const at = begin(1);
  const counted = group(1, [accepted(), settled(0)]);
  group(1, [settled(1)]);
  await journals.look();
  expect(journals.endsOf(ID, 'b@x')).toHaveLength(1);
  begin(2, [at + counted.length]);
  group(2, [settled(1)]);
  await journals.stop();
  expect(journals.endsOf(ID, 'a@x')).toMatchObject([{ segment: 1 }]);
  expect(journals.endsOf(ID, 'b@x')).toMatchObject([{ segment: 2 }]);
});

it('know how far a segment counts that has been dropped since', async () => {
  const at = begin(1);
  const counted = group(1, [accepted(), settled(0)]);
  // By a former owner, or in a group whose sync failed: it is written again in the next segment.
  group(1, [settled(1)]);
  await journals.look();
  const sealed = at + counted.length;
  const end = begin(2, [sealed]) + group(2, [settled(1)]).length;
  await journals.look();
  rmSync(path(1));
  begin(3, [end]);
  await journals.stop();
  expect(journals.endsOf(ID, 'b@x')).toMatchObject([{ segment: 2 }]);
});

it('tell the same after half a group was seen', async () => {
  begin(1);
  group(1, [accepted()]);
  const whole = Buffer.concat([encodeGroupHeader(magic, 2, 0, [settled(0)]), ...settled(0).buffers]);
  appendFileSync(path(1), whole.subarray(0, 60));
  await journals.look();
  appendFileSync(path(1), whole.subarray(60));
  await journals.stop();
  expect(journals.endsOf(ID, 'a@x')).toHaveLength(1);
});

it('tell which process owned a lane', async () => {
  const lease = { number: 1, nonce: 'aaaa', segment: 0, end: 0 };
  writeFileSync(join(folder, leaseName(lease)), '');
  await journals.look();
  writeFileSync(
    join(folder, ownerName('aaaa')),
    JSON.stringify({ ...linuxHost.self(), hostname: 'n1', pid: 17 }),
  );
  await journals.look();
  renameSync(join(folder, leaseName(lease)), join(folder, leaseName({ ...lease, number: 2, nonce: 'bbbb' })));
  writeFileSync(
    join(folder, ownerName('bbbb')),
    JSON.stringify({ ...linuxHost.self(), hostname: 'n2', pid: 18 }),
  );
  const before = Date.now();
  await journals.stop();
  expect(journals.takenFrom('n1', before)).toBe(true);
  expect(journals.takenFrom('n1', Date.now() + 1)).toBe(false);
  expect(journals.takenFrom('n2', 0)).toBe(false);
  expect(journals.ownersOf(ID, 'n1', Date.now())).toMatchObject([{ pid: 17 }]);
  expect(journals.ownersOf(ID, 'n2', Date.now())).toMatchObject([{ pid: 18 }]);
  expect(journals.ownersOf(ID, 'n1', Date.now() - 60_000)).toEqual([]);
});
