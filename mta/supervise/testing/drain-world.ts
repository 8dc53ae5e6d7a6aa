/** For tests of drains: a real queue on a simulated disk, with workers that a test moves. */
import { pino } from 'pino';
import type { MemberView } from '../../fleet/types.ts';
import { openTestQueue } from '../../queue/testing/test-queue.ts';
import type { HandOverStatus } from '../../queue/transfer/hand-over.ts';
import { testConfig } from '../../route/testing/config.ts';
import { TestClock } from '../../testing/test-clock.ts';
import type { WorkerCalls } from '../calls.ts';
import { Drain } from '../drain.ts';
import type { Duty } from '../duty.ts';
import { LeavingMark } from '../leaving-mark.ts';

export const HANDED: HandOverStatus = {
  messages: 0,
  bytes: 0,
  lanes: 0,
  moved: { messages: 3, bytes: 30 },
  pinned: [],
  owed: [],
  problems: [],
};

/** One worker with a queue of its own; the supervisor notes its duties. */
export async function world(more: { mode?: 'PerReplica' | 'Shared'; members?: MemberView[] } = {}) {
  const { mode = 'PerReplica', members = [] } = more;
  const { disk, queue } = await openTestQueue({ seed: 1, config: { mode } });
  const clock = new TestClock();
  const duties: (Duty | 'pass on')[] = [];
  const state = {
    duty: 'serve' as Duty,
    handOver: HANDED as HandOverStatus | undefined,
    answers: true,
    givenUp: [] as string[],
    keepLanes: false,
    /** Called when the workers have ended. */
    onRest: async () => {},
    onPassOn: async () => {},
  };
  if (mode === 'Shared') state.handOver = undefined;
  const worker = {
    lanes: async () => {
      if (!state.answers) return new Promise<never>(() => {});
      return queue.lanes();
    },
    handOver: async () => state.handOver,
  } as unknown as WorkerCalls;
  const { queue: settings, ...config } = testConfig();
  const life = () =>
    new Drain({
      supervisor: {
        config: { ...config, queue: { ...settings, mode, path: '/queue' } },
        get duty() {
          return state.duty;
        },
        async turnTo(duty, { keepLanes = false } = {}) {
          duties.push(duty);
          state.keepLanes = keepLanes;
          state.duty = duty;
          if (duty === 'rest') await state.onRest();
        },
        workers: () => new Map(state.duty === 'rest' ? [] : [[0, worker]]),
        pids: () => new Set([1]),
      },
      fleet: {
        members: () => members,
        giveUp: async (member) => {
          state.givenUp.push(member);
          return state.handOver?.pinned.length ?? 0;
        },
        async passOn() {
          duties.push('pass on');
          await state.onPassOn();
        },
      },
      disk,
      host: {
        self: () => ({ hostname: 'test', boot: 'b', pidNamespace: 'p', pid: 99, startTime: '9' }),
        isGone: () => false,
      },
      clock,
      logger: pino({ enabled: false }),
      name: 'mta-1',
      mark: new LeavingMark(disk, '/queue', 'mta-1'),
    });
  const leave = async () => {
    queue.leave();
    await queue.retireEmpty();
  };
  const file = async (path: string) => (await disk.create(path)).close();
  return { drain: life(), life, disk, queue, clock, duties, state, leave, file };
}
