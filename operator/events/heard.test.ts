import { beforeEach, describe, expect, it } from 'vitest';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import type { Listed, Scope } from '../kube/client.ts';
import type { KubeObject, ResourceType } from '../kube/resource.ts';
import { Heard, newest } from './heard.ts';

const CLAIM = { kind: 'PersistentVolumeClaim', namespace: 'mail', name: 'mta-queue' };
let clock: TestClock;
let notes: string[];
let asked: (Scope | undefined)[];
let told: string[];
let failures: unknown[];
let failure: Error | undefined;
let heard: Heard;

const client = {
  async list<T extends KubeObject>(_type: ResourceType, scope?: Scope): Promise<Listed<T>> {
    asked.push(scope);
    if (failure !== undefined) throw failure;
    const eventTime = new Date(clock.now()).toISOString();
    const items = notes.map((note, i) => ({ metadata: { name: `e${i}` }, note, eventTime }));
    return { items: items as unknown as T[], resourceVersion: '1' };
  },
};

beforeEach(() => {
  clock = new TestClock();
  [notes, asked, told, failures] = [['no such class'], [], [], []];
  failure = undefined;
  heard = new Heard({
    ...{ client, clock },
    onHeard: (fleet) => told.push(fleet),
    onFailure: (error) => failures.push(error),
  });
});

describe('what others say of an object', () => {
  it('is asked for when somebody wants to know, and told when it is there', async () => {
    expect(heard.of('mail/mta', CLAIM)).toBeUndefined();
    await settleDown();
    expect(asked).toEqual([
      {
        namespace: 'mail',
        fieldSelector: 'regarding.kind=PersistentVolumeClaim,regarding.name=mta-queue,type=Warning',
      },
    ]);
    expect(told).toEqual(['mail/mta']);
    expect(heard.of('mail/mta', CLAIM)).toBe('no such class');
  });

  it('is asked for again after half a minute, and told where it is something else', async () => {
    heard.of('mail/mta', CLAIM);
    await settleDown();
    await clock.advance(29_000);
    heard.of('mail/mta', CLAIM);
    expect(asked).toHaveLength(1);
    await clock.advance(1000);
    heard.of('mail/mta', CLAIM);
    await settleDown();
    expect(asked).toHaveLength(2);
    expect(told).toHaveLength(1);
    await clock.advance(30_000);
    notes = [];
    heard.of('mail/mta', CLAIM);
    await settleDown();
    expect(told).toHaveLength(2);
    expect(heard.of('mail/mta', CLAIM)).toBeUndefined();
  });

  it('is asked for sooner while there is nothing', async () => {
    notes = [];
    heard.of('mail/mta', CLAIM);
    await settleDown();
    await clock.advance(10_000);
    notes = ['no such class'];
    heard.of('mail/mta', CLAIM);
    await settleDown();
    expect(heard.of('mail/mta', CLAIM)).toBe('no such class');
    expect(asked).toHaveLength(2);
  });

  it('stays as it is known where it can not be had, and one line says so', async () => {
    heard.of('mail/mta', CLAIM);
    await settleDown();
    failure = new Error('forbidden');
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(30_000);
      expect(heard.of('mail/mta', CLAIM)).toBe('no such class');
      await settleDown();
    }
    expect(failures).toEqual([failure]);
  });
});

it('the newest counts, and none that is long over', () => {
  const at = (time: string) => `2026-11-29T${time}:00Z`;
  const event = (note: string, more: object) => ({ metadata: { name: note }, note, ...more });
  const events = [
    event('old style', { deprecatedLastTimestamp: at('11:30'), eventTime: null }),
    event('a series', { eventTime: at('09:00'), series: { lastObservedTime: at('11:45') } }),
    event('too old', { eventTime: at('10:00') }),
  ];
  const since = Date.parse(at('11:00'));
  expect(newest(events, since)).toBe('a series');
  expect(newest(events.slice(0, 1), since)).toBe('old style');
  expect(newest(events.slice(2), since)).toBeUndefined();
});
