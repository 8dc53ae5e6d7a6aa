/** What the queue takes from outside: everything that a simulation wants to own. */
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import type { ClaimReason } from './claim.ts';
import type { Disk } from './disk.ts';
import type { Host } from './host.ts';

/** The part of pino that the queue uses: constant messages, values as fields. */
export interface QueueLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface QueueDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: QueueLog;
  /** Who we are, and whether another owner on this host still runs; this process where absent. */
  readonly host?: Host;
  /** Called with the seconds that each write and sync of a group took, and the records of the group. */
  readonly onSync?: (seconds: number, records: number) => void;
}

/** Counted since the queue was opened. */
export interface QueueStats {
  /** fdatasync and fsync of files and directories, of whatever purpose. */
  readonly syncs: number;
  readonly groups: number;
  readonly records: number;
  /** Written to segments. */
  readonly bytes: number;
  readonly renewals: number;
  /** Lanes that were taken over, by what gave the right to. */
  readonly adopted: Readonly<Record<ClaimReason, number>>;
  /** Lanes that were lost: to others, or to a disk that failed. */
  readonly lost: number;
}
