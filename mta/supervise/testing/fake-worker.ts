/** Worker processes that do what a test wants, and a supervisor of them. */
import { pino } from 'pino';
import type { MtaConfig } from '../../config.ts';
import type { Verifier } from '../../policy/verifier.ts';
import type { LaneRelease } from '../../queue/types.ts';
import { testConfig } from '../../route/testing/config.ts';
import type { WorkerLoad } from '../../schedule/balance.ts';
import { TestClock } from '../../testing/test-clock.ts';
import type { Place, SupervisorCalls, WorkerCalls } from '../calls.ts';
import { type Channel, remote, serve } from '../rpc.ts';
import { Supervisor } from '../supervisor.ts';

export const turns = async () => {
  for (let n = 0; n < 30; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A worker process of the test: what it was asked, and how it answers. */
export class FakeWorker {
  readonly asked: string[] = [];
  config: MtaConfig | undefined;
  place: Place | undefined;
  ended: string | undefined;
  readonly #exits: ((how: string) => void)[] = [];
  readonly #closes: (() => void)[] = [];
  readonly #behaviour: Behaviour;
  readonly pid: number;
  readonly channel: Channel;
  readonly supervisor: SupervisorCalls;
  readonly noticed: LaneRelease[] = [];

  constructor(pid: number, behaviour: Behaviour) {
    this.pid = pid;
    this.#behaviour = behaviour;
    const inbox: ((message: unknown) => void)[] = [];
    const outbox: ((message: unknown) => void)[] = [];
    const end = (mine: typeof inbox, theirs: typeof inbox): Channel => ({
      send: (message) => {
        const copy = structuredClone(message);
        setImmediate(() => {
          if (this.ended === undefined) for (const listener of theirs) listener(copy);
        });
      },
      onMessage: (listener) => void mine.push(listener),
      onClose: (listener) => void this.#closes.push(listener),
    });
    this.channel = end(outbox, inbox);
    const own = end(inbox, outbox);
    serve(own, this.#methods());
    this.supervisor = remote<SupervisorCalls>(own);
  }

  end(how: string): void {
    if (this.ended !== undefined) return;
    this.ended = how;
    for (const close of this.#closes) close();
    for (const exit of this.#exits) exit(how);
  }

  kill = (): void => this.end('SIGKILL');

  onExit = (listener: (how: string) => void): void => {
    if (this.ended === undefined) this.#exits.push(listener);
    else listener(this.ended);
  };

  #methods(): Partial<WorkerCalls> {
    return {
      start: async (config, place) => {
        this.asked.push(`start ${config.revision}`);
        await this.#behaviour.start?.(this);
        this.config = config;
        this.place = place;
      },
      load: async (config, place) => {
        this.asked.push(`load ${config.revision}`);
        await this.#behaviour.load?.(this, config);
        this.config = config;
        this.place = place;
      },
      workload: async () => {
        if (this.#behaviour.workload === undefined) throw new Error('not of this test');
        return { worker: String(this.pid), ...this.#behaviour.workload };
      },
      leave: async (keepLanes) => {
        this.asked.push(keepLanes ? 'leave, keeping lanes' : 'leave');
        await this.#behaviour.leave?.(this);
      },
      noticed: async (release) => void this.noticed.push(release),
      ping: async () => {
        if (this.#behaviour.stuck === true) await new Promise(() => {});
      },
      drain: async (seconds) => {
        this.asked.push(`drain ${seconds}`);
        await this.#behaviour.drain?.(this);
        setImmediate(() => this.end('exit code 0'));
      },
    };
  }
}

export interface Behaviour {
  start?: (worker: FakeWorker) => Promise<void>;
  load?: (worker: FakeWorker, config: MtaConfig) => Promise<void>;
  leave?: (worker: FakeWorker) => Promise<void>;
  drain?: (worker: FakeWorker) => Promise<void>;
  workload?: Omit<WorkerLoad, 'worker'>;
  stuck?: boolean;
}

export const TICKET_SECRET = new Uint8Array(32).fill(7);

export const never = () => new Promise<never>(() => {});

/** @param behave by the number of the process, in the order in which they are made */
export function world(change: Partial<MtaConfig> = {}, behave: (process: number) => Behaviour = () => ({})) {
  const clock = new TestClock();
  const processes: FakeWorker[] = [];
  // Another config may say that it is to write more.
  const logger = pino({ level: 'info' }, { write: () => {} });
  const verifier = {} as Verifier;
  const spawn = () => {
    const worker = new FakeWorker(1000 + processes.length, behave(processes.length));
    processes.push(worker);
    return worker;
  };
  const supervisor = new Supervisor(testConfig({ workers: 2, ...change }), {
    spawn,
    clock,
    logger,
    verifier,
    name: 'mta',
    ticketSecret: TICKET_SECRET,
  });
  const living = () => processes.filter(({ ended }) => ended === undefined);
  return { clock, processes, supervisor, logger, living };
}

export const next = (revision: number, change: Partial<MtaConfig> = {}) =>
  testConfig({ workers: 2, revision, ...change });
