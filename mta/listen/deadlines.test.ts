import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { Deadlines } from './deadlines.ts';

/** One timer at a time is all that a session has. */
function setUp(sessionSeconds: number) {
  let now = 0;
  let timer: { at: number; callback: () => void } | undefined;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms, callback) {
      const mine = { at: now + ms, callback };
      timer = mine;
      return () => {
        if (timer === mine) timer = undefined;
      };
    },
    soon: setImmediate,
  };
  const expired: string[] = [];
  const deadlines = new Deadlines(clock, sessionSeconds, (why) => expired.push(`${why} at ${now / 1000}`));
  const pass = (seconds: number) => {
    const end = now + seconds * 1000;
    while (timer !== undefined && timer.at <= end) {
      const due = timer;
      timer = undefined;
      now = due.at;
      due.callback();
    }
    now = end;
  };
  return { deadlines, expired, pass };
}

describe('Deadlines', () => {
  it('five minutes for what the client owes, from when it last did what it owed', () => {
    const { deadlines, expired, pass } = setUp(0);
    pass(299);
    deadlines.waitForClient();
    pass(600);
    expect(expired).toEqual(['idleTimeout at 599']);
  });

  it('the session’s end, whatever the client does', () => {
    const { deadlines, expired, pass } = setUp(1000);
    for (let i = 0; i < 20; i += 1) {
      pass(60);
      if (expired.length === 0) deadlines.waitForClient();
    }
    expect(expired).toEqual(['sessionTooLong at 1000']);
  });

  it('a minute’s bytes of content in each minute', () => {
    const { deadlines, expired, pass } = setUp(0);
    let received = 0;
    deadlines.startContent(10, () => received);
    for (let i = 0; i < 5; i += 1) {
      received += 600;
      deadlines.waitForClient();
      pass(60);
    }
    expect(expired).toEqual([]);
    received += 599;
    pass(60);
    expect(expired).toEqual(['tooSlow at 360']);
  });

  it('no pace where none is asked for, and none after the end of content', () => {
    const { deadlines, expired, pass } = setUp(0);
    deadlines.startContent(0, () => 0);
    pass(200);
    deadlines.startContent(10, () => 0);
    deadlines.endContent();
    pass(99);
    expect(expired).toEqual([]);
  });

  it('nothing counts while it is our turn, and the rest does afterwards', () => {
    const { deadlines, expired, pass } = setUp(10_000);
    deadlines.startContent(10, () => 0);
    pass(50);
    deadlines.pause();
    pass(5000);
    expect(expired).toEqual([]);
    deadlines.resume();
    pass(9);
    expect(expired).toEqual([]);
    pass(1);
    expect(expired).toEqual(['tooSlow at 5060']);
  });

  it('nothing after it was cancelled', () => {
    const { deadlines, expired, pass } = setUp(10);
    deadlines.cancel();
    pass(1000);
    expect(expired).toEqual([]);
  });
});
