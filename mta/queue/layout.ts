/** Names of everything in a queue's folder. Pure. */
import { join } from 'node:path';
import type { Random } from '../random.ts';
import type { LaneRelease, WorkerId } from './types.ts';

/** The format of the folder, its lanes and their segments that this program writes, and the newest that it reads. */
export const QUEUE_FORMAT = 1;

// RFC 4648 §6 in lower case: no file system folds it, and people can read it out.
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** `bits` random bits as base 32. */
export function randomName(random: Random, bits: number): string {
  const length = Math.ceil(bits / 5);
  return Array.from(random.bytes(length), (byte) => BASE32[byte & 31]).join('');
}

/** 60 random bits: a lane id is never used again. */
export const newLaneId = (random: Random): string => randomName(random, 60);

/** Of one process's queue, as other workers know it. */
export const newWorkerId = (random: Random): WorkerId => randomName(random, 60);

export const isLaneId = (name: string): boolean => /^[a-z2-7]{12}$/.test(name);

export const lanesPath = (root: string): string => join(root, 'lanes');

/** What the lease of a lane becomes that is being removed: it can be renewed and claimed no more. */
export const RETIRED = 'retired';

/** Folder of a lane that holds no message any more: whoever finds it may delete it. */
export const retiredName = (lane: string): string => `${lane}.retired`;

/** Folder of a lane that holds no message any more, but something that could not be read. */
export const damagedName = (lane: string): string => `${lane}.damaged`;

export const segmentName = (number: number): string => `segment.${String(number).padStart(10, '0')}`;

/** Number of a segment, by its name. */
export function parseSegmentName(name: string): number | undefined {
  const match = /^segment\.(\d{10})$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** What the index needs of a segment: a hint. */
export const snapshotName = (segment: number): string => `snapshot.${String(segment).padStart(10, '0')}`;

/** While it is being written; of each owner its own. */
export const snapshotDraftName = (segment: number, epoch: number): string =>
  `${snapshotName(segment)}.${epoch}.new`;

/** Number of the segment whose snapshot has this name. */
export function parseSnapshotName(name: string): number | undefined {
  const match = /^snapshot\.(\d{10})$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** The epoch makes it unique: an orphan of one owner never has the name of a later owner's body. */
export const bodyName = (sequence: number, epoch: number): string =>
  `${sequence.toString(36)}.${epoch.toString(36)}`;

/** Epoch of the owner who wrote a body of this name; undefined where it is none. */
export function epochOfBody(name: string): number | undefined {
  const match = /^[0-9a-z]{1,11}\.([0-9a-z]{1,11})$/.exec(name);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 36);
}

export interface LeaseName {
  readonly number: number;
  readonly nonce: string;
  /** The segment that the owner was writing: where a claimant begins to look, whatever a listing says. */
  readonly segment: number;
  /** How far that segment had been synced at least: what a claimant must see of it, whatever its cache says. */
  readonly end: number;
}

export const leaseName = ({ number, nonce, segment, end }: LeaseName): string =>
  `lease.${number}.${nonce}.${segment}.${end}`;

export function parseLeaseName(name: string): LeaseName | undefined {
  const match = /^lease\.(\d{1,15})\.([a-z2-7]+)\.(\d{1,10})\.(\d{1,15})$/.exec(name);
  if (!match?.[1] || !match[2] || !match[3] || !match[4]) return undefined;
  return { number: Number(match[1]), nonce: match[2], segment: Number(match[3]), end: Number(match[4]) };
}

/** Folder of the markers of lanes that were let go: one listing tells of all of them. */
export const releasesPath = (root: string): string => join(root, 'released');

/** `<lane>.<lease>`, or `<lane>.<lease>.<worker>` where it is meant for one. */
export const releaseName = ({ lane, lease, to }: LaneRelease): string =>
  to === undefined ? `${lane}.${lease}` : `${lane}.${lease}.${to}`;

export function parseReleaseName(name: string): LaneRelease | undefined {
  const match =
    /^([a-z2-7]{12})\.(lease\.\d{1,15}\.[a-z2-7]+\.\d{1,10}\.\d{1,15})(?:\.([a-z2-7]{12}))?$/.exec(name);
  if (!match?.[1] || !match[2]) return undefined;
  return { lane: match[1], lease: match[2], ...(match[3] === undefined ? {} : { to: match[3] }) };
}

/** Says which process has the lease with this nonce. */
export const ownerName = (nonce: string): string => `owner.${nonce}`;

/** Room that an owner has put by; of each its own. */
export const reserveName = (epoch: number): string => `reserve.${epoch}`;

/** Epoch of the owner whose reserve, or draft of one, has this name. */
export function parseReserveName(name: string): number | undefined {
  const match = /^reserve\.(\d{1,15})(?:\.new)?$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

export const BODIES = 'body';
export const DAMAGED = 'damaged';

export const formatQueueId = (lane: string, sequence: number): string => `${lane}-${sequence.toString(36)}`;

export function parseQueueId(id: string): { lane: string; sequence: number } | undefined {
  const match = /^([a-z2-7]{12})-([0-9a-z]{1,11})$/.exec(id);
  if (!match?.[1] || !match[2]) return undefined;
  return { lane: match[1], sequence: Number.parseInt(match[2], 36) };
}
