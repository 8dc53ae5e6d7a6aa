/**
 * What a look at a queue's folder means for a pod that leaves. Pure.
 *
 * Of a volume of its own: it is empty, or this is what is left, and where, and what to do about it. In doubt, it is left:
 * a volume is deleted on the strength of this. Of a shared folder: no lane of this pod's processes is without the marker
 * that lets others have it at once; what else is there is not this pod's to judge.
 */

import type { Owner } from '../host.ts';
import { DAMAGED, isLaneId, parseReleaseName } from '../layout.ts';
import { type LaneSight, LOST_AND_FOUND, type QueueSight } from './sight.ts';

export type LeftoverKind =
  /** A lane of this pod's. */
  | 'lane'
  /** A lane whose lease is another's, or nobody's that can be named. */
  | 'otherOwner'
  /** A lane that holds no message any more, and is being deleted. */
  | 'removal'
  /** Something that could not be read was kept aside. */
  | 'damaged'
  /** Segments or bodies, and no lease. */
  | 'noLease'
  | 'unreadable'
  /** The queue there is another than it was. */
  | 'otherQueue'
  /** A name that is not the queue's. */
  | 'unknown';

export interface Leftover {
  readonly kind: LeftoverKind;
  /** Path below the queue's folder. */
  readonly where: string;
  /** What it is, and what to do. */
  readonly what: string;
}

export interface Verdict {
  /** Nothing: the volume is empty, or the pod has let go of everything. */
  readonly left: readonly Leftover[];
  /** Paths of what is there and is no mail. */
  readonly listed: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** The folder of a pod that has it for itself. @param ours whether a process of this pod's is meant */
export function verdictOfOwn(sight: QueueSight, ours: (owner: Owner) => boolean): Verdict {
  const left: Leftover[] = [];
  const listed: string[] = [];
  for (const name of sight.root) {
    if (['lanes', 'released'].includes(name)) listed.push(`${name}/`);
    else if (/^VERSION(\.[a-z2-7]{8})?$/.test(name)) listed.push(name);
    else if (name !== LOST_AND_FOUND) left.push(unknown(name));
  }
  for (const name of sight.released) {
    // Who has let go of a lane says so here; the lane itself is looked for where lanes are.
    if (parseReleaseName(name)) listed.push(`released/${name}`);
    else left.push(unknown(`released/${name}`));
  }
  for (const lane of sight.lanes) {
    const where = `lanes/${lane.lane}`;
    const found = leftOfOwn(lane, ours);
    if (found) left.push({ ...found, where });
    else listed.push(`${where}/`);
  }
  for (const name of sight.others) left.push(leftOfOther(name));
  if (sight.lostAndFound) {
    const found = leftOfLost(sight.lostAndFound);
    if (found) left.push(found);
    else listed.push(`${LOST_AND_FOUND}/`);
  }
  const counts = { names: listed.length, lanes: sight.lanes.length, markers: sight.released.length };
  return { left, listed, counts };
}

function leftOfOwn(lane: LaneSight, ours: (owner: Owner) => boolean): Omit<Leftover, 'where'> | undefined {
  const { lease, owner, retired, segments, bodies, damaged, names, unreadable } = lane;
  if (unreadable !== undefined) return cantBeRead(unreadable);
  if (lease !== undefined) {
    if (owner && ours(owner)) return { kind: 'lane', what: 'a lane of this pod, which is not empty yet' };
    const whose = owner ? `process ${owner.pid} on ${owner.hostname}` : 'a process that can not be named';
    return {
      kind: 'otherOwner',
      what: `a lane that ${whose} has: where that was a former life of this pod, it is taken over within a term, else another pod uses this volume`,
    };
  }
  if (retired) return { kind: 'removal', what: 'a lane without messages, which is being deleted' };
  if (segments + bodies > 0 || damaged) {
    return {
      kind: 'noLease',
      what: `a folder without a lease, with ${segments} segments and ${bodies} bodies: no process can open it, and it may hold mail; keep it, and report it`,
    };
  }
  // Whoever made it died before it was a lane: it has nothing in it but perhaps an empty folder for bodies.
  if (names === 0) return undefined;
  return {
    kind: 'noLease',
    what: `a folder without a lease, with ${names} files or folders: see what they are`,
  };
}

function leftOfOther(name: string): Leftover {
  const where = `lanes/${name}`;
  const [id = '', what] = name.split('.');
  if (isLaneId(id) && what === 'retired') {
    return { kind: 'removal', where, what: 'a lane without messages, which is being deleted' };
  }
  if (isLaneId(id) && what === 'damaged') {
    return {
      kind: 'damaged',
      where,
      what: `records that could not be read, kept in ${where}/${DAMAGED}: copy them somewhere else if they matter, and delete ${where}`,
    };
  }
  return unknown(where);
}

function leftOfLost({ names, unreadable }: NonNullable<QueueSight['lostAndFound']>): Leftover | undefined {
  const where = LOST_AND_FOUND;
  if (unreadable !== undefined) {
    return {
      kind: 'unreadable',
      where,
      what: `what fsck puts there can't be seen (${unreadable}): make it readable, or keep the queue in a folder of the volume`,
    };
  }
  if (names === 0) return undefined;
  return {
    kind: 'unknown',
    where,
    what: `fsck has put ${names} files there, which may be mail: look at them`,
  };
}

/** A folder that all pods share. @param ours whether a process of this pod's is meant */
export function verdictOfShared(sight: QueueSight, ours: (owner: Owner) => boolean): Verdict {
  const markers = new Map<string, string>();
  for (const name of sight.released) {
    const release = parseReleaseName(name);
    if (release) markers.set(`${release.lane} ${release.lease}`, name);
  }
  const left: Leftover[] = [];
  const listed: string[] = [];
  let others = 0;
  for (const lane of sight.lanes) {
    const marker = markers.get(`${lane.lane} ${lane.lease}`);
    const isOurs = lane.owner !== undefined && ours(lane.owner);
    if (isOurs && marker !== undefined) listed.push(`released/${marker}`);
    const found = marker === undefined ? leftOfShared(lane, isOurs) : undefined;
    if (found) left.push({ ...found, where: `lanes/${lane.lane}` });
    if (!isOurs && !found) others += 1;
  }
  return { left, listed, counts: { lanes: sight.lanes.length, released: listed.length, ofOthers: others } };
}

function leftOfShared(lane: LaneSight, isOurs: boolean): Omit<Leftover, 'where'> | undefined {
  const { lease, owner, retired, segments, unreadable } = lane;
  if (unreadable !== undefined) return cantBeRead(unreadable);
  if (lease === undefined) {
    if (retired || segments === 0) return undefined;
    return { kind: 'noLease', what: 'a folder with segments and no lease: nobody can tell whose it was' };
  }
  if (isOurs) {
    return {
      kind: 'lane',
      what: 'a lane of this pod that is not let go: where its process has died, another pod takes it within a term',
    };
  }
  if (owner) return undefined;
  return {
    kind: 'otherOwner',
    what: 'a lane whose owner has not said who it is: that is a matter of a moment',
  };
}

const cantBeRead = (why: string): Omit<Leftover, 'where'> => ({
  kind: 'unreadable',
  what: `a lane that can't be read (${why}): it may hold mail; see to the volume`,
});

const unknown = (where: string): Leftover => ({
  kind: 'unknown',
  where,
  what: "a name that is not the queue's: whoever put it there should take it away",
});
