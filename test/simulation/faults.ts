/** The kinds of faults, and in which states of the protocol each can strike. */
import type { OperationKind, State } from './states.ts';
import { STATES } from './states.ts';

/** Of an operation on the disk. */
export const OPERATION_FAULTS = ['error', 'lost reply', 'late', 'slow', 'short write'] as const;

export const FAULTS = [
  'kill',
  'pause',
  'node crash',
  'clock stop',
  'server crash',
  'outage',
  'clock jump',
  'full volume',
  ...OPERATION_FAULTS,
] as const;

export type OperationFault = (typeof OPERATION_FAULTS)[number];
export type FaultKind = (typeof FAULTS)[number];

export const isOperationFault = (kind: string): kind is OperationFault =>
  (OPERATION_FAULTS as readonly string[]).includes(kind);

const WRITES: ReadonlySet<OperationKind> = new Set(['write']);
const CHANGES_NAMES: ReadonlySet<OperationKind> = new Set([
  'makeDirectory',
  'create',
  'rename',
  'link',
  'unlink',
  'removeDirectory',
]);
const MAY_DELAY_OTHERS: ReadonlySet<OperationKind> = new Set(['size', 'close']);

/** Whether a fault can befall this operation. */
export function befalls(kind: OperationFault, operation: OperationKind): boolean {
  if (MAY_DELAY_OTHERS.has(operation)) return false;
  if (kind === 'short write') return WRITES.has(operation);
  if (kind === 'lost reply') {
    return CHANGES_NAMES.has(operation) || ['write', 'sync', 'syncDirectory'].includes(operation);
  }
  if (kind === 'late') return CHANGES_NAMES.has(operation) && operation !== 'create';
  return true;
}

const NO_OPERATION: ReadonlySet<State> = new Set(['before dot', 'after dot', 'idle']);
const READS_ONLY: ReadonlySet<State> = new Set(['looking', 'walking', 'reading']);
const WITH_WRITES: ReadonlySet<State> = new Set([
  'opening',
  'creating',
  'claiming',
  'sealing',
  'writing',
  'rolling',
  'on reserve',
  'reserve',
  'snapshot',
  'body',
]);
const WITH_NAMES: ReadonlySet<State> = new Set([
  'opening',
  'creating',
  'claiming',
  'sweeping',
  'renewing',
  'keeping',
  'reserve',
  'taking',
  'snapshot',
  'removing',
  'dropping',
  'retiring',
]);

/** Why a fault can't strike in a state; undefined where it can. */
export function whyNever(kind: FaultKind, state: State): string | undefined {
  if (!isOperationFault(kind)) return undefined;
  if (NO_OPERATION.has(state)) return 'no operation on the disk is under way';
  if (kind === 'short write' && !WITH_WRITES.has(state)) return 'nothing is written';
  if (kind === 'late' && !WITH_NAMES.has(state)) return 'no name is changed that another could miss';
  if (kind === 'lost reply' && READS_ONLY.has(state)) return 'nothing is changed';
  return undefined;
}

export interface Cell {
  readonly kind: FaultKind;
  readonly state: State;
}

/** What two thousand schedules meet ten times and more. */
export const COMMON: readonly Cell[] = [
  ...(['kill', 'pause', 'server crash'] as const).flatMap((kind) =>
    (
      [
        'writing',
        'syncing',
        'renewing',
        'rolling',
        'dropping',
        'body',
        'before dot',
        'after dot',
        'idle',
      ] as const
    ).map((state) => ({ kind, state })),
  ),
  ...(['error', 'lost reply', 'short write', 'slow'] as const).map((kind) => ({
    kind,
    state: 'writing' as const,
  })),
  ...(['node crash', 'full volume', 'outage'] as const).map((kind) => ({
    kind,
    state: 'before dot' as const,
  })),
];

/** How often each fault has struck in each state. */
export class Table {
  readonly #counts = new Map<FaultKind, Map<State, number>>();

  add(kind: FaultKind, state: State, count = 1): void {
    let row = this.#counts.get(kind);
    if (!row) {
      row = new Map();
      this.#counts.set(kind, row);
    }
    row.set(state, (row.get(state) ?? 0) + count);
  }

  count(kind: FaultKind, state: State): number {
    return this.#counts.get(kind)?.get(state) ?? 0;
  }

  addAll(other: Table): void {
    for (const [kind, row] of other.#counts) for (const [state, count] of row) this.add(kind, state, count);
  }

  /** Cells that could be filled and are not. */
  empty(): Cell[] {
    return FAULTS.flatMap((kind) =>
      STATES.filter((state) => this.count(kind, state) === 0 && whyNever(kind, state) === undefined).map(
        (state) => ({ kind, state }),
      ),
    );
  }

  /** States down, faults across; `–` where it can't be, with the reasons below. */
  print(): string {
    const widths = FAULTS.map((kind) => Math.max(kind.length, 6));
    const line = (first: string, cells: readonly string[]): string =>
      `${first.padEnd(12)}${cells.map((cell, i) => cell.padStart(widths[i]! + 2)).join('')}`;
    const rows = STATES.map((state) =>
      line(
        state,
        FAULTS.map((kind) => (whyNever(kind, state) === undefined ? `${this.count(kind, state)}` : '–')),
      ),
    );
    const reasons = new Map<string, string[]>();
    for (const kind of FAULTS) {
      for (const state of STATES) {
        const why = whyNever(kind, state);
        if (why !== undefined)
          reasons.set(`${kind}: ${why}`, [...(reasons.get(`${kind}: ${why}`) ?? []), state]);
      }
    }
    const notes = [...reasons].map(([why, states]) => `– ${why} (${states.join(', ')})`);
    return [line('', [...FAULTS]), ...rows, ...notes].join('\n');
  }
}
