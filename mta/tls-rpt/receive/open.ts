/** Reports as a worker takes them: files beside the queue, on its volume. */
import type { Clock } from '../../clock.ts';
import type { Disk } from '../../queue/disk.ts';
import type { Random } from '../../random.ts';
import type { IntakeDeps } from './intake.ts';
import { ReportIntake } from './intake.ts';
import { ReportStore } from './store.ts';

export interface OpenReportsOptions extends Pick<IntakeDeps, 'asked' | 'counts'> {
  readonly queuePath: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: IntakeDeps['log'] & { warn(fields: object, message: string): void };
}

/** In the same folder for all that see the same queue. */
const reportsPath = (queuePath: string): string => `${queuePath}.tls-rpt-received`;

export function openStore({
  queuePath,
  log,
  ...deps
}: Omit<OpenReportsOptions, 'asked' | 'counts'>): ReportStore {
  return new ReportStore({
    ...{ path: reportsPath(queuePath), disk: deps.disk, clock: deps.clock, random: deps.random },
    onError: (error) => log.warn({ err: error }, 'TLS reports on the volume could not be read or removed'),
  });
}

export interface OpenReports {
  readonly intake: ReportIntake;
  /** From now on, what is over is removed once an hour: for one worker of a pod. */
  start(): void;
}

export function openReports(options: OpenReportsOptions): OpenReports {
  const { clock, random, log, asked, counts } = options;
  const store = openStore(options);
  const start = (): void => {
    clock.after(SWEEP_MS * (0.75 + random.fraction() / 2), () => {
      void store
        .sweep()
        .catch((error: unknown) => log.warn({ err: error }, 'TLS reports could not be removed'))
        .finally(start);
    });
  };
  return { intake: new ReportIntake({ asked, counts, clock, log, store }), start };
}

const SWEEP_MS = 3_600_000;
