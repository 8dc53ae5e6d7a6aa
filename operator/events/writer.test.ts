import { beforeEach, describe, expect, it } from 'vitest';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeObject, ObjectName, ResourceType } from '../kube/resource.ts';
import type { EventDraft } from './transitions.ts';
import { EventWriter } from './writer.ts';

interface Written extends KubeObject {
  readonly note: string;
  readonly reason: string;
  readonly regarding: Record<string, unknown>;
}

let clock: TestClock;
let created: Written[];
let patched: { name: string; change: unknown }[];
let results: string[];
let failure: Error | undefined;
/** Writes that are held back, until the test lets them go. */
let hold: Promise<void> | undefined;
let writer: EventWriter;

const client = {
  async create<T extends KubeObject>(_type: ResourceType, object: T): Promise<T> {
    await hold;
    if (failure !== undefined) throw failure;
    created.push(object as unknown as Written);
    return object;
  },
  async patch<T extends KubeObject>(_type: ResourceType, { name }: ObjectName, change: object): Promise<T> {
    if (failure !== undefined) throw failure;
    patched.push({ name, change });
    return {} as T;
  },
};
const object = (name = 'one'): KubeObject => ({
  metadata: { namespace: 'mail', name, uid: `uid-${name}`, resourceVersion: '7' },
});
const draft = (note = 'there is no Secret'): EventDraft => ({
  ...{ type: 'Warning', reason: 'SecretNotFound', action: 'ResolvedRefs', note },
});

beforeEach(() => {
  clock = new TestClock();
  [created, patched, results] = [[], [], []];
  [failure, hold] = [undefined, undefined];
  writer = new EventWriter({
    ...{ client, clock, instance: 'operator-0' },
    onResult: (result) => results.push(result),
  });
});

describe('an event', () => {
  it('is about its object, and has a name of its own', async () => {
    writer.tell('MailRelay', object(), draft());
    writer.tell('MailRelay', object(), draft('another'));
    await settleDown();
    expect(created).toHaveLength(2);
    expect(created[0]).toMatchObject({
      metadata: { namespace: 'mail', name: expect.stringMatching(/^one\.[0-9a-f]+$/) },
      ...{ type: 'Warning', reason: 'SecretNotFound', action: 'ResolvedRefs', note: 'there is no Secret' },
      ...{ reportingController: 'postrider.dev/operator', reportingInstance: 'operator-0' },
      regarding: { apiVersion: 'postrider.dev/v1alpha1', kind: 'MailRelay', name: 'one', uid: 'uid-one' },
    });
    expect(created[1]!.metadata.name).not.toBe(created[0]!.metadata.name);
  });

  it('has the length, and the name, that the API allows', async () => {
    writer.tell('MailDomain', object(`${'a'.repeat(219)}.${'b'.repeat(20)}`), draft('x'.repeat(2000)));
    await settleDown();
    expect(created[0]!.note).toHaveLength(1024);
    expect(created[0]!.metadata.name).toMatch(/^a{219}\.[0-9a-f]+$/);
  });

  it('that comes again within ten minutes is the same one, written once a minute at most', async () => {
    writer.tell('MailRelay', object(), draft());
    for (let i = 0; i < 12; i += 1) {
      await clock.advance(10_000);
      writer.tell('MailRelay', object(), draft());
    }
    await settleDown();
    expect(created).toHaveLength(1);
    expect(patched.map(({ change }) => change)).toMatchObject([
      { series: { count: 7 } },
      { series: { count: 13 } },
    ]);
    await clock.advance(600_001);
    writer.tell('MailRelay', object(), draft());
    await settleDown();
    expect(created).toHaveLength(2);
  });

  it('of an object that has very many is not written', async () => {
    for (let i = 0; i < 50; i += 1) writer.tell('MailRelay', object(), draft(`note ${i}`));
    writer.tell('MailRelay', object('two'), draft());
    await settleDown();
    expect(created.filter(({ regarding }) => regarding['name'] === 'one')).toHaveLength(10);
    expect(created.filter(({ regarding }) => regarding['name'] === 'two')).toHaveLength(1);
    expect(results.filter((result) => result === 'limited')).toHaveLength(40);
    await clock.advance(30_000);
    writer.tell('MailRelay', object(), draft('later'));
    await settleDown();
    expect(created.at(-1)!.note).toBe('later');
  });

  it('keeps nobody waiting, and no more than so many', async () => {
    let go = () => {};
    hold = new Promise((resolve) => {
      go = resolve;
    });
    for (let i = 0; i < 3000; i += 1) writer.tell('MailRelay', object(`o${i}`), draft());
    expect(created).toHaveLength(0);
    go();
    await settleDown();
    expect(created).toHaveLength(1004);
    expect(results.filter((result) => result === 'limited')).toHaveLength(1996);
  });

  it('that can not be written is tried three times, and dropped', async () => {
    failure = new ApiError(403, 'Forbidden', 'no');
    writer.tell('MailRelay', object(), draft());
    await settleDown();
    await clock.advance(2000);
    expect(results).toEqual([]);
    await clock.advance(4000);
    expect(results).toEqual(['failed']);
    failure = undefined;
    writer.tell('MailRelay', object('two'), draft());
    await settleDown();
    expect(created).toHaveLength(1);
  });

  it('that has expired in the meantime is made anew', async () => {
    writer.tell('MailRelay', object(), draft());
    await clock.advance(61_000);
    failure = new ApiError(404, 'NotFound', 'no');
    writer.tell('MailRelay', object(), draft());
    await settleDown();
    failure = undefined;
    writer.tell('MailRelay', object(), draft());
    await settleDown();
    expect(created).toHaveLength(2);
  });
});
