/** Where in the queue's protocol a process is, told from the operations that it has under way on the disk. */

export const STATES = [
  'opening',
  'creating',
  'looking',
  'claiming',
  'walking',
  'replaying',
  'sealing',
  'sweeping',
  'writing',
  'syncing',
  'renewing',
  'keeping',
  'rolling',
  'on reserve',
  'reserve',
  'taking',
  'snapshot',
  'body',
  'reading',
  'removing',
  'dropping',
  'releasing',
  'retiring',
  'before dot',
  'after dot',
  'idle',
] as const;

export type State = (typeof STATES)[number];

export type OperationKind =
  | 'makeDirectory'
  | 'create'
  | 'open'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'removeDirectory'
  | 'list'
  | 'exists'
  | 'syncDirectory'
  | 'freeBytes'
  | 'write'
  | 'read'
  | 'sync'
  | 'size'
  | 'close';

interface Track {
  phase: 'creating' | 'claiming' | 'recovering' | 'open';
  /** Segment that is being begun. */
  begun: string;
  /** Segment that was the reserve. */
  onReserve: string;
  /** Segment that was written to last. */
  written: string;
  /** A group has been synced since the last renewal. */
  unrenewed: boolean;
  releasing: boolean;
  /** Its adopter has not yet gone through what former owners have left. */
  unswept: boolean;
}

export const LANES = '/queue/lanes';
/** Markers of lanes that were let go. */
const RELEASES = '/queue/released';

/** Lane and rest of a path below the lanes' folder; undefined elsewhere. */
export function laneOf(path: string): { readonly lane: string; readonly name: string } | undefined {
  if (path.length <= LANES.length + 1 || !path.startsWith(LANES)) return undefined;
  const end = path.indexOf('/', LANES.length + 1);
  return end < 0
    ? { lane: path.slice(LANES.length + 1), name: '' }
    : { lane: path.slice(LANES.length + 1, end), name: path.slice(end + 1) };
}

export const nonceOf = (lease: string): string => lease.split('.')[2] ?? '';

export class Tracker {
  readonly #tracks = new Map<string, Track>();
  #opening: State = 'opening';

  /** Called for each operation as it is begun, in order. @param position of a write or read */
  stateOf(kind: OperationKind, path: string, to: string | undefined, position: number): State {
    const place = laneOf(path);
    if (!place) return this.#outside(kind, path);
    const { lane, name } = place;
    if (lane.endsWith('.retired') || to?.endsWith('retired')) return 'retiring';
    const track = this.#tracks.get(lane);
    if (kind === 'makeDirectory' && name === '') {
      this.#tracks.set(lane, fresh('creating'));
      this.#opening = 'creating';
      return 'creating';
    }
    if (name.startsWith('lease.')) return this.#lease(lane, kind, name, to);
    if (!track) return 'looking';
    if (track.phase === 'claiming' && kind !== 'syncDirectory') track.phase = 'recovering';
    if (name.startsWith('segment.')) return segmentState(track, kind, name, position);
    return otherState(track, kind, name, to);
  }

  /** Name of the segment of a lane that was written to last; empty where none was. */
  written(lane: string): string {
    return this.#tracks.get(lane)?.written ?? '';
  }

  /** Whether what was written last to a lane went to its reserve. */
  onReserve(lane: string): boolean {
    const track = this.#tracks.get(lane);
    return track !== undefined && track.written !== '' && track.written === track.onReserve;
  }

  #outside(kind: OperationKind, path: string): State {
    if (path.startsWith(RELEASES) && kind !== 'makeDirectory')
      return kind === 'list' ? 'looking' : 'releasing';
    if (path !== LANES) return 'opening';
    return kind === 'syncDirectory' ? this.#opening : 'looking';
  }

  #lease(lane: string, kind: OperationKind, name: string, to: string | undefined): State {
    const track = this.#tracks.get(lane);
    if (kind === 'create') return 'creating';
    if (kind === 'rename' && to && nonceOf(name) !== nonceOf(to.slice(to.lastIndexOf('/') + 1))) {
      this.#tracks.set(lane, fresh('claiming'));
      this.#opening = 'claiming';
      return 'claiming';
    }
    if (!track) return 'looking';
    if (track.phase === 'claiming') return 'claiming';
    if (!track.unrenewed) return 'keeping';
    if (kind === 'rename') {
      track.unrenewed = false;
      track.phase = 'open';
    }
    return 'renewing';
  }
}

const fresh = (phase: Track['phase']): Track => ({
  phase,
  begun: '',
  onReserve: '',
  written: '',
  unrenewed: false,
  releasing: false,
  unswept: phase === 'claiming',
});

function segmentState(track: Track, kind: OperationKind, name: string, position: number): State {
  const beginning: State =
    track.phase === 'open' ? 'rolling' : track.phase === 'creating' ? 'creating' : 'sealing';
  switch (kind) {
    case 'create':
      // That it is there is being proven.
      if (track.onReserve === name && track.written === name) return 'taking';
      if (track.phase === 'open') track.unswept = false;
      track.begun = name;
      if (track.onReserve === name) track.onReserve = '';
      return beginning;
    case 'write':
      track.written = name;
      if (track.begun === name && position === 0) return beginning;
      return track.onReserve === name ? 'on reserve' : 'writing';
    case 'sync':
      if (track.begun === name) return beginning;
      if (track.phase === 'recovering' && !track.unrenewed) return 'replaying';
      track.unrenewed = true;
      return 'syncing';
    case 'unlink':
      return track.phase === 'open' && !track.unswept ? 'dropping' : 'sweeping';
    default:
      if (track.phase === 'open') return 'reading';
      return kind === 'read' && position > 0 ? 'replaying' : 'walking';
  }
}

function otherState(track: Track, kind: OperationKind, name: string, to: string | undefined): State {
  const isOpen = track.phase === 'open';
  if (name.startsWith('owner.')) {
    if (kind === 'unlink') return 'sweeping';
    if (kind === 'open' || kind === 'read' || isOpen) return 'looking';
    return track.phase === 'creating' ? 'creating' : 'claiming';
  }
  if (name.startsWith('released.')) {
    if (kind === 'unlink') return 'sweeping';
    track.releasing = true;
    return 'releasing';
  }
  if (name.startsWith('reserve')) {
    if (kind === 'link' && to) {
      track.onReserve = to.slice(to.lastIndexOf('/') + 1);
      track.begun = track.onReserve;
    }
    return kind === 'link' || (kind === 'unlink' && isOpen && !name.endsWith('.new')) ? 'taking' : 'reserve';
  }
  if (name.startsWith('snapshot.')) {
    if (kind === 'unlink') return isOpen ? 'dropping' : 'sweeping';
    return isOpen || kind === 'create' || kind === 'write' ? 'snapshot' : 'replaying';
  }
  if (name === 'body') {
    if (kind === 'syncDirectory') return 'body';
    return track.phase === 'creating' ? 'creating' : 'sweeping';
  }
  if (name.startsWith('body/')) {
    if (kind === 'unlink') return isOpen && !track.unswept ? 'removing' : 'sweeping';
    track.unswept = false;
    return kind === 'open' || kind === 'read' ? 'reading' : 'body';
  }
  if (name.startsWith('damaged')) return 'reading';
  return folderState(track, kind);
}

/** Operations on the lane's folder itself. */
function folderState(track: Track, kind: OperationKind): State {
  if (kind === 'list') return track.phase === 'recovering' || track.unswept ? 'sweeping' : 'looking';
  if (track.releasing) return 'releasing';
  const begun = track.begun !== '';
  track.begun = '';
  switch (track.phase) {
    case 'creating':
      return 'creating';
    case 'claiming':
      return 'claiming';
    case 'recovering':
      if (begun) track.unrenewed = true;
      return 'sealing';
    case 'open':
      return begun ? 'rolling' : 'dropping';
  }
}
