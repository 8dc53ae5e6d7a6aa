/** What all lanes of a process share. */
import type { Clock } from '../clock.ts';
import type { QueueConfig } from '../config.ts';
import type { Random } from '../random.ts';
import type { QueueLog, QueueStats } from './deps.ts';
import type { Disk } from './disk.ts';
import type { FolderSync } from './folder-sync.ts';
import type { Handles } from './handles.ts';
import type { Host } from './host.ts';
import type { HotCache } from './hot-cache.ts';
import type { Space } from './space.ts';

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface LaneContext {
  readonly config: QueueConfig;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: QueueLog;
  readonly host: Host;
  readonly handles: Handles;
  /** Of the folder of all lanes. */
  readonly laneNames: FolderSync;
  readonly cache: HotCache;
  readonly space: Space;
  readonly stats: Writable<QueueStats> & { readonly adopted: Writable<QueueStats['adopted']> };
  readonly onSync: (seconds: number, records: number) => void;
}
