/** A scheduler over a queue that is a map, and time that a test moves. */
import type { Delivery } from '../../config.ts';
import type { Job, Queue, QueueEntry } from '../../queue/types.ts';
import type { Work } from '../destination.ts';
import { Scheduler } from '../scheduler.ts';
import type { AttemptReport, DestinationNews, Room } from '../types.ts';

/** A clock that stands still until it is moved, and then calls back in order. */
export function testClock() {
  let time = 1_000_000;
  let timers: { at: number; callback: () => void }[] = [];
  return {
    now: () => time,
    monotonic: () => time,
    after(ms: number, callback: () => void) {
      const timer = { at: time + ms, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    soon: setImmediate,
    /** Callbacks that wait for their time. */
    get timers() {
      return timers.length;
    },
    async move(ms: number) {
      const end = time + ms;
      for (;;) {
        const next = timers.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        timers = timers.filter((other) => other !== next);
        time = next.at;
        next.callback();
        await settled();
      }
      time = end;
    },
  };
}

export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
export const stored = Promise.resolve();
export const answered: AttemptReport = { destination: 'answered', stored };
export const down: AttemptReport = {
  destination: 'unreachable',
  reply: { code: 451, enhanced: '4.4.1', text: 'No answer' },
  stored,
};

export function world(
  attempt: (work: Work) => Promise<AttemptReport>,
  limit = 20,
  store: () => Promise<void> = () => stored,
  room: Room = { of: () => limit, began: () => {}, onMore: () => {} },
  clock = testClock(),
  lapse?: (work: Work) => Promise<AttemptReport>,
) {
  const messages = new Map<string, QueueEntry>();
  const lapsed: string[] = [];
  const defects: unknown[] = [];
  const learnt: DestinationNews[] = [];
  const handles: string[] = [];
  const queue = {
    entry: (id: string) => messages.get(id),
    at: (handle: number) => messages.get(handles[handle]!),
    onArrival: () => {},
    onYield: () => {},
    yielding: () => false,
  } as unknown as Queue;
  const scheduler = new Scheduler({
    queue,
    clock,
    random: { fraction: () => 0.5, bytes: () => Buffer.alloc(0) },
    // What the flow would settle: who was answered has ended, anyone else goes on in a new job.
    attempt: async (work) => {
      const report = await attempt(work);
      const entry = messages.get(work.id);
      if (entry === undefined) return report;
      if (report.destination === 'answered') messages.delete(work.id);
      if (report.destination === 'unreachable') {
        const job = { ...work.job, attempts: work.job.attempts + 1, dueAt: clock.now() + 60_000 };
        messages.set(work.id, { ...entry, jobs: [job] });
      }
      return report;
    },
    lapse:
      lapse ??
      (async (work) => {
        lapsed.push(work.id);
        messages.delete(work.id);
        return { destination: 'untried', stored: store() };
      }),
    delivery: () =>
      ({
        retry: { initialSeconds: 60, factor: 2, maxSeconds: 3600, jitter: 0 },
        lifetimeSeconds: 86_400,
        bounceLifetimeSeconds: 86_400,
        delayWarningSeconds: 0,
      }) as Delivery,
    room,
    learnt: (news) => learnt.push(news),
    onDefect: (error) => defects.push(error),
  });
  const add = (id: string, more: Partial<Job> & { sender?: string } = {}) => {
    const { sender = 'anna', ...job } = more;
    const jobs: Job[] = [{ destination: 'mx:a.test', recipients: [0], attempts: 0, dueAt: 0, ...job }];
    const handle = handles.push(id) - 1;
    const entry: QueueEntry = { id, handle, size: 1, arrivedAt: clock.now(), sender, jobs };
    messages.set(id, entry);
    scheduler.add(entry, jobs);
  };
  return { clock, messages, scheduler, add, lapsed, learnt, defects };
}
