import { describe, expect, it } from 'vitest';
import { PostriderError } from '../errors.ts';
import { testConfig } from '../route/testing/config.ts';
import { never, next, TICKET_SECRET, turns, world } from './testing/fake-worker.ts';

describe('start', () => {
  it('starts each worker in its place, and is ready when all are', async () => {
    const { supervisor, processes } = world();
    expect(supervisor.notReady()).not.toEqual([]);
    await supervisor.start();
    expect(supervisor.notReady()).toEqual([]);
    expect(processes.map(({ place }) => place)).toEqual([
      { index: 0, workers: 2, member: 'mta', ticketSecret: TICKET_SECRET },
      { index: 1, workers: 2, member: 'mta', ticketSecret: TICKET_SECRET },
    ]);
  });

  it('rejects with what the worker says, and leaves no process behind', async () => {
    const { supervisor, living } = world({}, (process) => ({
      start: process === 0 ? never : () => Promise.reject(new PostriderError('QueueUnwritable', 'read-only')),
    }));
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'QueueUnwritable', message: 'read-only' });
    expect(living()).toEqual([]);
  });

  it('waits for a queue that can not be reached, and says so', async () => {
    let reachable = false;
    const { supervisor, clock, living } = world({}, () => ({
      start: async () => {
        if (!reachable) throw new PostriderError('QueueUnreachable', 'the volume does not answer');
      },
    }));
    await supervisor.start();
    await clock.advance(60_000);
    expect(supervisor.notReady()).toEqual(['the volume does not answer']);
    expect(supervisor.live()).toBe(true);
    reachable = true;
    await clock.advance(5000);
    expect(supervisor.notReady()).toEqual([]);
    expect(living()).toHaveLength(2);
  });

  it('rejects where a process dies while it starts', async () => {
    const { supervisor, living } = world({}, (process) => ({
      start: async (worker) => {
        if (process === 1) worker.end('SIGSEGV');
        await never();
      },
    }));
    await expect(supervisor.start()).rejects.toThrow('ended');
    expect(living()).toEqual([]);
  });
});

describe('a lane that a worker lets go while it drains', () => {
  it('is told of to the others', async () => {
    const release = { lane: 'aaaaaaaaaaaa', lease: 'lease.1.a.1' };
    const { supervisor, processes } = world({ workers: 3 }, (process) => ({
      drain: async (worker) => void (process === 2 && (await worker.supervisor.released(release))),
    }));
    await supervisor.start();
    const outside: unknown[] = [];
    supervisor.exchange.onReleased((each) => outside.push(each));
    await supervisor.load(next(2, { workers: 2 }));
    await turns();
    expect(processes.map(({ noticed }) => noticed)).toEqual([[release], [release], []]);
    expect(outside).toEqual([release]);
  });
});

describe('a worker that dies', () => {
  it('is started again, later with each death in a row', async () => {
    const { supervisor, processes, clock } = world({ workers: 1 });
    await supervisor.start();
    const waits: number[] = [];
    for (let death = 0; death < 4; death += 1) {
      const count = processes.length;
      processes.at(-1)!.end('SIGSEGV');
      expect(supervisor.notReady()).toEqual(['0 of 1 workers are ready']);
      let waited = 0;
      for (; processes.length === count && waited < 60_000; waited += 50) await clock.advance(50);
      await turns();
      waits.push(waited);
      expect(supervisor.notReady()).toEqual([]);
    }
    expect(waits).toEqual([250, 500, 1000, 2000]);
  });

  it('is started again though it fails to start for a while', async () => {
    const { supervisor, processes, clock } = world({ workers: 1 }, (process) => ({
      start: process === 1 || process === 2 ? () => Promise.reject(new Error('not yet')) : async () => {},
    }));
    await supervisor.start();
    processes[0]!.end('SIGSEGV');
    await clock.advance(10_000);
    expect(processes).toHaveLength(4);
    expect(supervisor.notReady()).toEqual([]);
  });

  it('has the config of the others when it comes up, also one that was loaded meanwhile', async () => {
    const { promise, resolve: up } = Promise.withResolvers<void>();
    const { supervisor, processes, clock } = world({}, (process) => ({
      start: () => (process === 2 ? promise : Promise.resolve()),
    }));
    await supervisor.start();
    processes[0]!.end('SIGSEGV');
    await clock.advance(300);
    await supervisor.load(next(2));
    up();
    await turns();
    expect(processes[2]!.asked).toEqual(['start 1', 'load 2']);
    expect(supervisor.notReady()).toEqual([]);
  });

  it('shows when its event loop is stuck', async () => {
    const { supervisor, clock } = world({}, (process) => ({ stuck: process === 1 }));
    await supervisor.start();
    await clock.advance(20_000);
    expect(supervisor.live()).toBe(true);
    await clock.advance(15_000);
    expect(supervisor.live()).toBe(false);
  });
});

describe('load', () => {
  it('gives the config to all, and says its revision', async () => {
    const { supervisor, processes } = world();
    await supervisor.start();
    expect(await supervisor.load(next(2))).toEqual({ revision: 2, resources: {}, reads: [1] });
    expect(processes.map(({ config }) => config?.revision)).toEqual([2, 2]);
  });

  it('takes all back to the old config where one refuses, when none is on its way any more', async () => {
    const late: string[] = [];
    const { supervisor, processes } = world({}, (process) => ({
      load: async (_, { revision }) => {
        if (process === 1 && revision === 2) throw new PostriderError('PortInUse', 'port 25 is taken');
        await turns();
        late.push(`${process} has ${revision}`);
      },
    }));
    await supervisor.start();
    await expect(supervisor.load(next(2))).rejects.toMatchObject({ code: 'PortInUse' });
    expect(processes.map(({ config }) => config?.revision)).toEqual([1, 1]);
    expect(late.slice(0, 2)).toEqual(['0 has 2', '0 has 1']);
    expect(supervisor.status()).toMatchObject({
      revision: 1,
      refused: { revision: 2, reason: 'port 25 is taken' },
    });
    expect(supervisor.notReady()).toEqual([]);
    // The next one that is taken clears it.
    await supervisor.load(next(3));
    expect(supervisor.status().refused).toBeUndefined();
  });

  it('asks nobody where the config is refused before', async () => {
    const { supervisor, processes } = world({ revision: 5 });
    await supervisor.start();
    const old = testConfig();
    for (const [config, reason] of [
      [next(4), /older/],
      [next(6, { queue: { ...old.queue, path: '/elsewhere' } }), /queue can't change/],
      [next(6, { log: { ...old.log, historyPath: '/elsewhere' } }), /log.historyPath can't change/],
      [next(6, { control: { ...old.control, port: 1 } }), /control can't change/],
      [next(6, { delivery: { ...old.delivery, defaultTls: 'gone' } }), /TLS policy/],
    ] as const) {
      await expect(supervisor.load(config)).rejects.toThrow(reason);
      expect(supervisor.status().refused?.revision).toBe(config.revision);
    }
    expect(processes.flatMap(({ asked }) => asked)).toEqual(['start 5', 'start 5']);
  });

  it('writes the lines of its own log that the config wants', async () => {
    const { supervisor, logger } = world();
    await supervisor.start();
    await supervisor.load(next(2, { log: { ...testConfig().log, level: 'debug' } }));
    expect(logger.level).toBe('debug');
  });

  it('takes one config after the other', async () => {
    const { supervisor, processes } = world({}, () => ({ load: turns }));
    await supervisor.start();
    await Promise.all([supervisor.load(next(2)), supervisor.load(next(3))]);
    expect(processes[0]!.asked).toEqual(['start 1', 'load 2', 'load 3']);
    expect(supervisor.status().revision).toBe(3);
  });

  it('starts workers that are more, and drains those that are too many', async () => {
    const { supervisor, processes, living } = world();
    await supervisor.start();
    await supervisor.load(next(2, { workers: 3 }));
    await turns();
    expect(supervisor.notReady()).toEqual([]);
    expect(processes.map(({ place }) => place?.workers)).toEqual([3, 3, 3]);
    await supervisor.load(next(3, { workers: 1 }));
    await turns();
    expect(living()).toEqual([processes[0]]);
    expect(processes[2]!.asked).toContain('drain 10');
    expect(supervisor.notReady()).toEqual([]);
  });

  it('keeps trying to start a worker that is more', async () => {
    const { supervisor, clock } = world({}, (process) => ({
      start: () => (process === 2 ? Promise.reject(new Error('no room')) : Promise.resolve()),
    }));
    await supervisor.start();
    expect((await supervisor.load(next(2, { workers: 3 }))).revision).toBe(2);
    await turns();
    expect(supervisor.notReady()).toEqual(['2 of 3 workers are ready']);
    await clock.advance(1000);
    expect(supervisor.notReady()).toEqual([]);
  });
});

describe('stop', () => {
  it('drains every worker, within the grace of the config', async () => {
    const { supervisor, processes, living } = world();
    await supervisor.start();
    await supervisor.stop();
    expect(processes.map(({ asked }) => asked.at(-1))).toEqual(['drain 10', 'drain 10']);
    expect(processes.map(({ ended }) => ended)).toEqual(['exit code 0', 'exit code 0']);
    expect(living()).toEqual([]);
    expect(supervisor.notReady()).toEqual(['shutting down']);
  });

  it('kills a worker that is stuck when the grace is over', async () => {
    const { supervisor, processes, clock } = world({}, (process) => (process === 1 ? { drain: never } : {}));
    await supervisor.start();
    let stopped = false;
    const stop = supervisor.stop().then(() => {
      stopped = true;
    });
    await clock.advance(10_000);
    expect(stopped).toBe(false);
    await clock.advance(10_000);
    await stop;
    expect(processes[1]!.ended).toBe('SIGKILL');
  });

  it('ends also when a worker dies while it drains, and starts none again', async () => {
    const { supervisor, processes, clock } = world({}, () => ({
      drain: async (worker) => worker.end('SIGSEGV'),
    }));
    await supervisor.start();
    await supervisor.stop();
    await clock.advance(60_000);
    expect(processes).toHaveLength(2);
  });

  it('waits for workers that were drained for being too many', async () => {
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const { supervisor, living } = world({}, (process) => (process === 1 ? { drain: () => promise } : {}));
    await supervisor.start();
    await supervisor.load(next(2, { workers: 1 }));
    await turns();
    let stopped = false;
    const stop = supervisor.stop().then(() => {
      stopped = true;
    });
    await turns();
    expect(stopped).toBe(false);
    done();
    await stop;
    expect(living()).toEqual([]);
  });

  it('loads nothing any more', async () => {
    const { supervisor, processes } = world();
    await supervisor.start();
    await supervisor.stop();
    await expect(supervisor.load(next(2, { workers: 4 }))).rejects.toThrow('shutting down');
    expect(processes).toHaveLength(2);
  });
});
