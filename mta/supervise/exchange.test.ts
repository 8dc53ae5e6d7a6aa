import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { LaneRelease, LaneSummary } from '../queue/types.ts';
import { TestClock } from '../testing/test-clock.ts';
import type { WorkerCalls } from './calls.ts';
import { Exchange } from './exchange.ts';

class Peer {
  readonly heard: LaneRelease[] = [];
  readonly given: string[] = [];
  readonly calls: WorkerCalls;
  lanes: LaneSummary[] = [];
  ready = 0;

  constructor(name: string) {
    this.calls = {
      noticed: async (release: LaneRelease) => void this.heard.push(release),
      workload: async () => ({ worker: name, ready: this.ready, active: 0, capacity: 256 }),
      lanes: async () => this.lanes,
      giveAway: async (lane: string, to: string) => {
        this.given.push(`${lane} to ${to}`);
        return true;
      },
    } as unknown as WorkerCalls;
  }
}

const home = (due: number): LaneSummary => ({ id: 'home', messages: due, bytes: due, due, home: true });
const release: LaneRelease = { lane: 'l', lease: 'lease.1.a.1.0' };

function pod(names: readonly string[], { shared = true } = {}) {
  const clock = new TestClock();
  const peers = names.map((name) => new Peer(name));
  const logger = pino({ enabled: false });
  const workers = () => peers.map(({ calls }) => calls);
  return { clock, peers, exchange: new Exchange({ workers, shared, clock, logger }) };
}

describe('a lane that is let go', () => {
  it('is told of to every other worker, and to whoever listens', async () => {
    const { peers, exchange } = pod(['a', 'b', 'c']);
    const outside: LaneRelease[] = [];
    exchange.onReleased((each) => outside.push(each));
    exchange.released(release, peers[1]!.calls);
    expect(peers.map(({ heard }) => heard.length)).toEqual([1, 0, 1]);
    expect(outside).toEqual([release]);
  });

  it('is told of to all workers where another pod did it, and to nobody else', () => {
    const { peers, exchange } = pod(['a', 'b']);
    const outside: LaneRelease[] = [];
    exchange.onReleased((each) => outside.push(each));
    exchange.noticed(release);
    expect(peers.map(({ heard }) => heard)).toEqual([[release], [release]]);
    expect(outside).toEqual([]);
  });

  it('is no worse where a worker is gone', async () => {
    const { peers, exchange } = pod(['a', 'b']);
    peers[0]!.calls.noticed = () => Promise.reject(new Error('the process has ended'));
    exchange.noticed(release);
    await Promise.resolve();
    expect(peers[1]!.heard).toEqual([release]);
  });
});

describe('a long backlog beside an idle worker', () => {
  it('is offered when it has been so for two comparisons, once, and then not for a minute', async () => {
    const { clock, peers, exchange } = pod(['a', 'b']);
    const [a] = peers as [Peer, Peer];
    a.ready = 9000;
    a.lanes = [home(9000)];
    exchange.start();
    await clock.advance(9000);
    expect(a.given).toEqual([]);
    await clock.advance(2000);
    expect(a.given).toEqual(['home to b']);
    await clock.advance(55_000);
    expect(a.given).toHaveLength(1);
    await clock.advance(15_000);
    expect(a.given).toHaveLength(2);
    exchange.stop();
    await clock.advance(300_000);
    expect(a.given).toHaveLength(2);
  });

  it.each([
    { shared: true, given: ['home to x'] },
    { shared: false, given: [] },
  ])(
    'goes to a worker of another pod that is heard, where that can see it: %o',
    async ({ shared, given }) => {
      const { clock, peers, exchange } = pod(['a'], { shared });
      const [a] = peers as [Peer];
      a.ready = 9000;
      a.lanes = [home(9000)];
      exchange.start();
      for (let i = 0; i < 3; i += 1) {
        exchange.heard('other-pod', [{ worker: 'x', ready: 0, active: 1, capacity: 256 }]);
        await clock.advance(5000);
      }
      expect(a.given).toEqual(given);
      expect(exchange.loads()).toEqual([{ worker: 'a', ready: 9000, active: 0, capacity: 256 }]);
    },
  );

  it('stays where the other pod has been silent', async () => {
    const { clock, peers, exchange } = pod(['a']);
    const [a] = peers as [Peer];
    exchange.heard('other-pod', [{ worker: 'x', ready: 0, active: 1, capacity: 256 }]);
    await clock.advance(20_000);
    a.ready = 9000;
    a.lanes = [home(9000)];
    exchange.start();
    await clock.advance(30_000);
    expect(a.given).toEqual([]);
  });

  it('is left to its own pod to give', async () => {
    const { clock, peers, exchange } = pod(['a']);
    const [a] = peers as [Peer];
    exchange.start();
    for (let i = 0; i < 4; i += 1) {
      exchange.heard('other-pod', [{ worker: 'x', ready: 9000, active: 1, capacity: 256 }]);
      await clock.advance(5000);
    }
    expect(a.given).toEqual([]);
  });
});
