/** What a worker is made of. */
import type { Operations } from './control/operations.ts';
import type { Sessions } from './deliver/types.ts';
import type { Flow, FlowDeps } from './flow.ts';
import type { Listeners } from './listeners.ts';
import type { OpenMailLog } from './log/open.ts';
import type { Moving } from './moving.ts';
import type { LaneQueue } from './queue/queue.ts';
import type { HopContext } from './route/hops.ts';
import type { Scheduler } from './schedule/scheduler.ts';
import type { Setup } from './setup.ts';
import type { Place } from './supervise/calls.ts';
import type { TlsReports } from './tls-rpt/open.ts';
import type { Web } from './web/web.ts';

/** What exists once a worker has started. */
export interface Parts {
  readonly queue: LaneQueue;
  readonly log: OpenMailLog;
  readonly flow: Flow;
  readonly sessions: Sessions;
  readonly scheduler: Scheduler;
  readonly operations: Operations;
  readonly listeners: Listeners;
  readonly web: Web;
  readonly tlsReports: TlsReports;
  /** Undefined where all pods see the same queue. */
  readonly moving: Moving | undefined;
}

/** Everything that a reload replaces, as a whole. */
export interface Loaded {
  readonly setup: Setup;
  readonly hops: FlowDeps['hops'];
  readonly context: HopContext;
  readonly place: Place;
}
