/** A pod that leaves, rests, and serves again. */
import { expect, it } from 'vitest';
import { freePort, testListener } from '../testing/listener.ts';
import { type Behaviour, next, turns, world } from './testing/fake-worker.ts';

const listeners = [testListener({ port: await freePort() })];

async function started(behave: (process: number) => Behaviour = () => ({})) {
  const made = world({ listeners }, behave);
  await made.supervisor.start();
  return made;
}

it('leaves with all workers, is not ready, and says why', async () => {
  const { supervisor, processes } = await started();
  await supervisor.turnTo('leave');
  await supervisor.turnTo('leave');
  await turns();
  expect(processes.map(({ asked }) => asked)).toEqual([
    ['start 1', 'leave'],
    ['start 1', 'leave'],
  ]);
  expect(supervisor.notReady()).toEqual([expect.stringMatching('^draining: ')]);
  expect(supervisor.live()).toBe(true);
});

it('starts a worker again that dies while it leaves: it never listens, and leaves at once', async () => {
  const { supervisor, processes, clock } = await started();
  await supervisor.turnTo('leave');
  await turns();
  processes[0]!.end('SIGKILL');
  await clock.advance(1000);
  await turns();
  expect(processes[2]).toMatchObject({ asked: ['start 1', 'leave'], config: { listeners: [] } });
});

it('starts a worker again that could not leave', async () => {
  const { supervisor, processes, clock } = await started((process) =>
    process === 0 ? { leave: () => Promise.reject(new Error('EIO')) } : {},
  );
  await supervisor.turnTo('leave');
  await turns();
  await clock.advance(1000);
  await turns();
  expect(processes[0]!.ended).toBe('SIGKILL');
  expect(processes[2]!.asked).toEqual(['start 1', 'leave']);
});

it('goes on leaving with a config that comes meanwhile, also with more workers', async () => {
  const { supervisor, processes } = await started();
  await supervisor.turnTo('leave');
  await supervisor.load(next(2, { workers: 3, listeners }));
  await turns();
  expect(processes.map(({ asked }) => asked)).toEqual([
    ['start 1', 'leave', 'load 2'],
    ['start 1', 'leave', 'load 2'],
    ['start 2', 'leave'],
  ]);
  expect(processes.map(({ config }) => config?.listeners)).toEqual([[], [], []]);
  expect(supervisor.duty).toBe('leave');
});

it('has no workers while it rests, whatever comes, and is alive', async () => {
  let drained = 0;
  const { supervisor, living, clock, processes } = await started(() => ({
    drain: async () => {
      drained += 1;
    },
  }));
  await supervisor.turnTo('leave');
  await supervisor.turnTo('rest');
  expect([drained, living()]).toEqual([2, []]);
  await supervisor.load(next(2, { workers: 3, listeners }));
  await clock.advance(60_000);
  expect(processes).toHaveLength(2);
  expect(supervisor.notReady()).toEqual([expect.stringMatching('^drained: ')]);
  expect(supervisor.live()).toBe(true);
  expect(await supervisor.all((worker) => worker.ping())).toEqual([]);
});

it('does not start a worker again that died before it came to rest', async () => {
  const { supervisor, processes, clock, living } = await started();
  await supervisor.turnTo('leave');
  processes[0]!.end('SIGKILL');
  await supervisor.turnTo('rest');
  await clock.advance(60_000);
  expect(living()).toEqual([]);
});

it('goes on leaving with new workers where something is left after all', async () => {
  const { supervisor, processes } = await started();
  await supervisor.turnTo('leave');
  await supervisor.turnTo('rest');
  await supervisor.turnTo('leave');
  await turns();
  expect(processes.slice(2).map(({ asked, config }) => [asked, config?.listeners])).toEqual([
    [['start 1', 'leave'], []],
    [['start 1', 'leave'], []],
  ]);
});

it.each(['leave', 'rest'] as const)(
  'serves again with new workers after %s, when the old ones have ended',
  async (duty) => {
    let end = () => {};
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    const { supervisor, processes } = await started((process) =>
      process === 0 ? { drain: () => held } : {},
    );
    await supervisor.turnTo('leave');
    const rested = duty === 'rest' ? supervisor.turnTo('rest') : undefined;
    const serving = supervisor.turnTo('serve');
    await turns();
    expect(processes).toHaveLength(2);
    end();
    await Promise.all([rested, serving]);
    await turns();
    expect(supervisor.notReady()).toEqual([]);
    expect(processes.slice(2).map(({ asked }) => asked)).toEqual([['start 1'], ['start 1']]);
    expect(processes[2]!.config?.listeners).toHaveLength(1);
  },
);

it('is not compared with others while it leaves, and is again when it serves', async () => {
  const { supervisor, clock } = await started(() => ({ workload: { ready: 5, active: 0, capacity: 256 } }));
  await clock.advance(6000);
  expect(supervisor.exchange.loads()).toHaveLength(2);
  await supervisor.turnTo('leave');
  await clock.advance(20_000);
  expect(supervisor.exchange.loads()).toEqual([]);
  await supervisor.turnTo('serve');
  await clock.advance(6000);
  expect(supervisor.exchange.loads()).toHaveLength(2);
});

it('knows the processes that it had', async () => {
  const { supervisor, processes, clock } = await started();
  processes[1]!.end('SIGKILL');
  await clock.advance(1000);
  expect([...supervisor.pids()]).toEqual([1000, 1001, 1002]);
});
