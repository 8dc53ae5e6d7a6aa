import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../../mta/testing/test-clock.ts';
import { waitFor } from '../../test/support/wait.ts';
import { KubeClient } from './client.ts';
import { SECRETS } from './resources.ts';
import { objectOf, type ScriptedServer, startScriptedServer, statusOf } from './testing/scripted-server.ts';

let server: ScriptedServer;
let clock: TestClock;
let client: KubeClient;
let answers: number[];

beforeEach(async () => {
  server = await startScriptedServer();
  clock = new TestClock();
  answers = [];
  client = new KubeClient({
    ...{ transport: server.transport, clock, fieldManager: 'test' },
    onRequest: (_verb, _type, status) => answers.push(status),
  });
});
afterEach(() => server.stop());

const secret = { namespace: 'mail', name: 'a b' };

describe('the client', () => {
  it('asks with the token, for the object, over a connection that it keeps', async () => {
    for (const [i, version] of ['1', '2', '3'].entries()) {
      const got = client.get(SECRETS, secret);
      const asked = await server.request(i);
      expect(`${asked.method} ${asked.url.pathname}`).toBe('GET /api/v1/namespaces/mail/secrets/a%20b');
      expect(asked.headers.authorization).toBe('Bearer secret');
      asked.answer(200, objectOf('a b', version));
      expect((await got)?.metadata.resourceVersion).toBe(version);
    }
    expect(server.connections()).toBe(1);
  });

  it('has nothing where there is no object', async () => {
    const got = client.get(SECRETS, secret);
    (await server.request(0)).answer(404, statusOf(404, 'NotFound'));
    expect(await got).toBeUndefined();
  });

  it('fails with what the server said', async () => {
    const got = client.get(SECRETS, secret);
    (await server.request(0)).answer(403, statusOf(403, 'Forbidden'));
    await expect(got).rejects.toMatchObject({ status: 403, reason: 'Forbidden', message: 'it is Forbidden' });
  });

  it('fails where something else stands in the place of the server', async () => {
    const got = client.get(SECRETS, secret);
    (await server.request(0)).answer(502, '<html>');
    await expect(got).rejects.toMatchObject({ status: 502, reason: '' });
  });

  it('fails where the connection is cut, and tells the metrics', async () => {
    const got = client.get(SECRETS, secret);
    (await server.request(0)).cut();
    await expect(got).rejects.toThrow('socket hang up');
    expect(answers).toEqual([0]);
  });

  it('gives up what is not answered', async () => {
    const got = expect(client.get(SECRETS, secret)).rejects.toThrow('has not answered for 30 s');
    const asked = await server.request(0);
    await clock.advance(30_000);
    await got;
    await waitFor('the end of the request', () => asked.isOver);
  });

  it('waits as long as a busy server asks, and asks again', async () => {
    const got = client.get(SECRETS, secret);
    (await server.request(0)).answer(429, statusOf(429, 'TooManyRequests'), { 'retry-after': '7' });
    await waitFor('the answer', () => answers.length === 1);
    await clock.advance(6000);
    expect(server.asked).toHaveLength(1);
    await clock.advance(1000);
    (await server.request(1)).answer(200, objectOf('a b', '1'));
    expect((await got)?.metadata.resourceVersion).toBe('1');
  });

  it('gives a server that stays busy up', async () => {
    const got = expect(client.get(SECRETS, secret)).rejects.toMatchObject({ status: 429 });
    for (let i = 0; i < 5; i += 1) {
      (await server.request(i)).answer(429, statusOf(429, 'TooManyRequests'));
      await waitFor('the answer', () => answers.length === i + 1);
      await clock.advance(1000);
    }
    await got;
  });

  it('lists page by page', async () => {
    const listed = client.list(SECRETS, { namespace: 'mail', labelSelector: 'a=b' });
    const first = await server.request(0);
    expect(first.url.search).toBe('?labelSelector=a%3Db&limit=500');
    first.answer(200, { items: [objectOf('a', '1')], metadata: { resourceVersion: '7', continue: 'more' } });
    const second = await server.request(1);
    expect(second.url.searchParams.get('continue')).toBe('more');
    second.answer(200, { items: [objectOf('b', '2')], metadata: { resourceVersion: '7' } });
    const { items, resourceVersion } = await listed;
    expect(items.map(({ metadata: { name } }) => name)).toEqual(['a', 'b']);
    expect(resourceVersion).toBe('7');
  });

  it('lists in one piece when a page has come too late', async () => {
    const listed = client.list(SECRETS);
    const page = { items: [objectOf('a', '1')], metadata: { resourceVersion: '7', continue: 'more' } };
    (await server.request(0)).answer(200, page);
    (await server.request(1)).answer(410, statusOf(410, 'Expired'));
    const whole = await server.request(2);
    expect(whole.url.search).toBe('');
    whole.answer(200, { items: [objectOf('b', '9')], metadata: { resourceVersion: '9' } });
    expect((await listed).items).toHaveLength(1);
  });

  it('applies under its name', async () => {
    const applied = client.apply(SECRETS, objectOf('a', ''), { subresource: 'status' });
    const asked = await server.request(0);
    expect(`${asked.method} ${asked.url.pathname}${asked.url.search}`).toBe(
      'PATCH /api/v1/namespaces/mail/secrets/a/status?fieldManager=test&force=true',
    );
    expect(asked.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(asked.body)).toMatchObject({ apiVersion: 'v1', kind: 'Secret' });
    asked.answer(200, objectOf('a', '1'));
    await applied;
  });

  it('has deleted what is not there', async () => {
    const deleted = client.delete(SECRETS, secret, { uid: 'uid', resourceVersion: '7' });
    const asked = await server.request(0);
    expect(JSON.parse(asked.body)).toMatchObject({ preconditions: { uid: 'uid', resourceVersion: '7' } });
    asked.answer(404, statusOf(404, 'NotFound'));
    await deleted;
  });
});

describe('a watch', () => {
  const open = (signal = new AbortController().signal) =>
    client.watch(SECRETS, {}, { resourceVersion: '5', seconds: 300, signal });

  it('gives events as they come, whatever the pieces', async () => {
    const events = open();
    const first = events.next();
    const asked = await server.request(0);
    expect(Object.fromEntries(asked.url.searchParams)).toEqual({
      ...{ watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '300', resourceVersion: '5' },
    });
    asked.begin();
    const line = JSON.stringify({ type: 'ADDED', object: objectOf('ä', '6') });
    asked.sendRaw(line.slice(0, 30));
    asked.sendRaw(`${line.slice(30)}\n`);
    expect((await first).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'ä' } } });
    asked.end();
    expect((await events.next()).done).toBe(true);
  });

  it('fails with what the server says in the middle', async () => {
    const next = open().next();
    const asked = await server.request(0);
    asked.begin();
    asked.send({ type: 'ERROR', object: statusOf(410, 'Expired') });
    await expect(next).rejects.toMatchObject({ status: 410, reason: 'Expired' });
  });

  it('fails on a line that is none, and where the connection is cut', async () => {
    const broken = open().next();
    (await server.request(0)).begin();
    (await server.request(0)).sendRaw('{"type":\n');
    await expect(broken).rejects.toThrow(SyntaxError);
    const cut = open().next();
    (await server.request(1)).begin();
    (await server.request(1)).cut();
    await expect(cut).rejects.toThrow('aborted');
  });
});
