/** Reports as a worker takes them: files beside the queue, on its volume. */
import type { Clock } from '../../clock.ts';
import type { Disk } from '../../queue/disk.ts';
import { around, type Random } from '../../random.ts';
import { createEndpoint, type ReportEndpoint } from './http.ts';
import { type IntakeDeps, ReportIntake } from './intake.ts';
import { createMailbox, type ReportMailbox } from './mailbox.ts';
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
  readonly mailbox: ReportMailbox;
  readonly endpoint: ReportEndpoint;
  /** From now on, what is over is removed once an hour: for one worker of a pod. */
  start(): void;
}

export function openReports(options: OpenReportsOptions): OpenReports {
  const { clock, random, log, asked, counts } = options;
  const store = openStore(options);
  const start = (): void => {
    clock.after(around(SWEEP_MS, random), () => {
      void store
        .sweep()
        .catch((error: unknown) => log.warn({ err: error }, 'TLS reports could not be removed'))
        .finally(start);
    });
  };
  const intake = new ReportIntake({ asked, counts, clock, log, store });
  const onError = (error: unknown) => log.warn({ err: error }, 'a TLS report could not be kept');
  return {
    mailbox: createMailbox(intake, clock),
    endpoint: createEndpoint({ intake, clock, onError }),
    start,
  };
}

const SWEEP_MS = 3_600_000;
