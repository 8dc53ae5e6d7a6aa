import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import { waitFor } from '../../test/support/wait.ts';
import { KubeClient } from './client.ts';
import { Reflector } from './reflector.ts';
import type { KubeObject } from './resource.ts';
import { SECRETS } from './resources.ts';
import {
  type Asked,
  objectOf,
  type ScriptedServer,
  startScriptedServer,
  statusOf,
} from './testing/scripted-server.ts';

let server: ScriptedServer;
let clock: TestClock;
let reflector: Reflector<KubeObject>;
let changes: string[];
let failures: unknown[];
let next: number;

beforeEach(async () => {
  server = await startScriptedServer();
  clock = new TestClock();
  changes = [];
  failures = [];
  next = 0;
  reflector = new Reflector(
    {
      client: new KubeClient({ transport: server.transport, clock, fieldManager: 'test' }),
      ...{ clock, random: seeded(1), onFailure: (error) => failures.push(error) },
    },
    SECRETS,
  );
  reflector.cache.onChange(({ before, after }) => {
    const version = (object: KubeObject | undefined) => object?.metadata.resourceVersion ?? '-';
    changes.push(`${(after ?? before)?.metadata.name} ${version(before)} ${version(after)}`);
  });
});
afterEach(async () => {
  const stopped = reflector.stop();
  await clock.advance(60_000);
  await server.stop();
  await stopped;
});

/** Of a kind that needn't be there. Returns the resources that it has told to be there by now. */
function optional(): string[] {
  const installed: string[] = [];
  reflector = new Reflector(
    {
      client: new KubeClient({ transport: server.transport, clock, fieldManager: 'test' }),
      ...{ clock, random: seeded(1), onFailure: (error) => failures.push(error) },
      onInstalled: ({ plural }) => installed.push(plural),
    },
    ...([SECRETS, {}, undefined, true] as const),
  );
  return installed;
}

const names = () => [...reflector.cache.values()].map(({ metadata }) => metadata.name).sort();

/** The next request, which must be a list; answers it. */
async function list(resourceVersion: string, ...items: readonly KubeObject[]): Promise<void> {
  const asked = await server.request(next);
  next += 1;
  expect(asked.url.searchParams.get('watch')).toBeNull();
  asked.answer(200, { items, metadata: { resourceVersion } });
}

/** The next request, which must be a watch from a version; begins its answer. */
async function watch(from: string): Promise<Asked> {
  const asked = await server.request(next);
  next += 1;
  expect(asked.url.searchParams.get('watch')).toBe('true');
  expect(asked.url.searchParams.get('resourceVersion')).toBe(from);
  asked.begin();
  return asked;
}

const happened = (count: number) => waitFor(`change ${count}`, () => changes.length >= count);

describe('a reflector', () => {
  it('has what was listed, and then what changes', async () => {
    reflector.start();
    expect(reflector.synced).toBe(false);
    await list('5', objectOf('a', '1'), objectOf('b', '2'));
    const watching = await watch('5');
    expect(reflector.synced).toBe(true);
    watching.send({ type: 'MODIFIED', object: objectOf('a', '6') });
    watching.send({ type: 'DELETED', object: objectOf('b', '7') });
    watching.send({ type: 'ADDED', object: objectOf('c', '8') });
    await happened(5);
    expect(changes).toEqual(['a - 1', 'b - 2', 'a 1 6', 'b 2 -', 'c - 8']);
    expect(names()).toEqual(['a', 'c']);
  });

  it('goes on where a watch has ended, from the last bookmark', async () => {
    reflector.start();
    await list('5');
    const first = await watch('5');
    first.send({ type: 'ADDED', object: objectOf('a', '6') });
    first.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '40' } } });
    first.end();
    await watch('40');
    expect(names()).toEqual(['a']);
    expect(failures).toEqual([]);
  });

  it('goes on where a watch was cut, after a pause', async () => {
    reflector.start();
    await list('5');
    (await watch('5')).cut();
    await waitFor('the failure', () => failures.length === 1);
    await clock.advance(200);
    expect(server.asked).toHaveLength(2);
    await clock.advance(400);
    await watch('5');
  });

  it('waits where watches end at once, longer each time', async () => {
    reflector.start();
    await list('5');
    for (let i = 0; i < 4; i += 1) {
      (await watch('5')).end();
      await waitFor('the failure', () => failures.length === i + 1);
      await clock.advance(200 * 2 ** i);
      expect(server.asked).toHaveLength(i + 2);
      await clock.advance(300 * 2 ** i);
    }
    expect(String(failures[0])).toContain('the watch ended at once');
  });

  it('cuts a watch that is silent, and goes on', async () => {
    reflector.start();
    await list('5');
    const dead = await watch('5');
    await settleDown();
    await clock.advance(149_000);
    expect(dead.isOver).toBe(false);
    expect(reflector.silentFor).toBeGreaterThan(148_000);
    await clock.advance(1000);
    await waitFor('the end of the watch', () => dead.isOver);
    await waitFor('the failure', () => failures.length === 1);
    expect(String(failures[0])).toContain('nothing was heard for 150 s');
    await clock.advance(500);
    await watch('5');
  });

  it('counts as silent while each watch is answered and then dead, and is heard of again', async () => {
    reflector.start();
    await list('5');
    for (let round = 1; round <= 3; round += 1) {
      const dead = await watch('5');
      await clock.advance(150_000);
      await waitFor('the end of the watch', () => dead.isOver);
      await waitFor('the failure', () => failures.length === round);
      await clock.advance(2000);
    }
    expect(reflector.silentFor).toBeGreaterThan(450_000);
    const alive = await watch('5');
    alive.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '6' } } });
    await waitFor('the bookmark', () => reflector.silentFor === 0);
  });

  it.each([
    ['before the watch begins', true],
    ['in the middle', false],
  ])('lists again where the version is too old, %s, and misses nothing', async (_when, atOnce) => {
    reflector.start();
    await list('5', objectOf('a', '1'), objectOf('b', '2'), objectOf('c', '3'));
    const asked = await server.request(next);
    next += 1;
    if (atOnce) asked.answer(410, statusOf(410, 'Expired'));
    else {
      asked.begin();
      asked.send({ type: 'ERROR', object: statusOf(410, 'Expired') });
    }
    await waitFor('the failure', () => failures.length === 1);
    await clock.advance(500);
    await list('90', objectOf('a', '1'), objectOf('b', '80'), objectOf('d', '81'));
    await watch('90');
    expect(changes.slice(3)).toEqual(['c 3 -', 'b 2 80', 'd - 81']);
  });

  it('never gives up, and waits longer each time', async () => {
    reflector.start();
    const waited: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      (await server.request(i)).answer(500, statusOf(500, 'InternalError'));
      await waitFor('the failure', () => failures.length === i + 1);
      const began = clock.monotonic();
      while (server.asked.length === i + 1) {
        await clock.advance(50);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      waited.push(clock.monotonic() - began);
    }
    expect(waited[1]!).toBeGreaterThan(waited[0]!);
    expect(Math.max(...waited)).toBeGreaterThan(15_000);
    expect(reflector.synced).toBe(false);
    next = 9;
    await list('5', objectOf('a', '1'));
    await watch('5');
    expect(names()).toEqual(['a']);
  });

  it("has none of a kind that needn't be there, until it is", async () => {
    const installed = optional();
    reflector.start();
    for (const [i, code] of [404, 403].entries()) {
      (await server.request(next)).answer(code, statusOf(code, code === 404 ? 'NotFound' : 'Forbidden'));
      next += 1;
      await waitFor('the answer', () => reflector.synced && reflector.silentFor === 0);
      await settleDown();
      await clock.advance(29_000);
      expect(server.asked).toHaveLength(i + 1);
      await clock.advance(1000);
    }
    await list('5', objectOf('a', '1'));
    const watching = await watch('5');
    expect(installed).toEqual(['secrets']);
    watching.cut();
    await waitFor('the failure', () => failures.length === 1);
    expect(names()).toEqual(['a']);
    await clock.advance(1000);
    (await server.request(next)).answer(404, statusOf(404, 'NotFound'));
    next += 1;
    await waitFor('the kind to be gone', () => names().length === 0);
    expect(failures).toHaveLength(1);
  });

  it('asks for a kind that was not there as soon as a write has shown that it is', async () => {
    const installed = optional();
    reflector.start();
    (await server.request(next)).answer(404, statusOf(404, 'NotFound'));
    next += 1;
    await waitFor('the answer', () => reflector.synced);
    await settleDown();
    reflector.take(objectOf('a', '1'));
    await list('5', objectOf('a', '1'));
    await watch('5');
    expect([...installed, ...names()]).toEqual(['secrets', 'a']);
  });

  it('lists again after an hour', async () => {
    reflector.start();
    await list('5', objectOf('a', '1'));
    const watching = await watch('5');
    for (let minute = 0; minute < 61; minute += 1) {
      watching.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: `${100 + minute}` } } });
      await waitFor('the bookmark', () => reflector.silentFor === 0);
      await clock.advance(60_000);
    }
    watching.end();
    await list('200', objectOf('b', '150'));
    await watch('200');
    expect(names()).toEqual(['b']);
  });

  it('tells an object that was made anew under its name', async () => {
    reflector.start();
    await list('5', objectOf('a', '1'));
    const watching = await watch('5');
    watching.send({
      type: 'MODIFIED',
      object: { metadata: { ...objectOf('a', '1').metadata, uid: 'other' } },
    });
    await happened(2);
    expect(changes).toHaveLength(2);
  });

  it('knows what was written before the watch tells, and is not told what was before that', async () => {
    reflector.start();
    await list('5', objectOf('a', '1'));
    const watching = await watch('5');
    reflector.take(objectOf('a', '10'));
    expect(changes).toEqual(['a - 1', 'a 1 10']);
    for (const version of ['9', '10', '11']) {
      watching.send({ type: 'MODIFIED', object: objectOf('a', version) });
    }
    await happened(3);
    expect(changes).toEqual(['a - 1', 'a 1 10', 'a 10 11']);
  });

  it('takes nothing that the watch does not know: it may have gone since it was written', async () => {
    reflector.start();
    await list('5', objectOf('a', '1'));
    await watch('5');
    reflector.take(objectOf('b', '10'));
    reflector.take({ metadata: { ...objectOf('a', '10').metadata, uid: 'of one before' } });
    expect(changes).toEqual(['a - 1']);
  });

  it('keeps nothing of who owns which field', async () => {
    reflector.start();
    const object = objectOf('a', '1');
    await list('5', { ...object, metadata: { ...object.metadata, managedFields: [] } } as KubeObject);
    await watch('5');
    expect(reflector.cache.get('mail/a')).toEqual(object);
  });
});
