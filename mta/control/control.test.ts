import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostriderError } from '../errors.ts';
import { createControlServer } from './control.ts';
import type { HttpServer } from './http.ts';
import type { ControlBackend, MessageSummary } from './types.ts';

const TOKEN = 'a-token-of-the-test';

const message: MessageSummary = {
  id: 'a1b2-7',
  from: 'anna@example.test',
  size: 120,
  arrivedAt: '2026-11-22T14:00:00.000Z',
  recipients: [{ address: 'ben@example.org', state: 'deferred', destination: 'mx:example.org', attempts: 3 }],
};

let asked: unknown[] = [];
let defects: unknown[] = [];
const note = <T>(what: string, args: unknown, answer: T): T => {
  asked.push([what, args]);
  return answer;
};

const backend: ControlBackend = {
  drain: {
    start: async () => note('drain', 'start', { state: 'notDraining' }),
    status: async () => ({ state: 'notDraining' }),
    cancel: async () => note('drain', 'cancel', { state: 'notDraining' }),
    async giveUp(member) {
      if (member === 'lives') throw new PostriderError('MemberLive', 'member lives was heard just now');
      return note('drain', `give up ${member}`, { member, freed: 2, price: 'two may come twice' });
    },
  },
  fleet: () => ({ member: undefined, members: [], budgets: [] }),
  live: () => true,
  notReady: () => [],
  metrics: async () => '',
  config: () => ({ revision: 3, resources: { 'MTA/mail/mta': 2 }, reads: [1] }),
  async load(document) {
    if ((document as { version?: number }).version !== 1) {
      throw new PostriderError('ConfigInvalid', 'version: must be 1', {
        hint: 'Use the version of this program.',
      });
    }
    return note('load', document, { revision: 4, resources: {}, reads: [1] });
  },
  queue: async () => {
    throw new Error('a worker broke, and here are its secrets');
  },
  totals: async () => ({
    ...{ messages: 7, bytes: 700, oldestSeconds: 5, oldestAt: '2026-11-22T14:00:00.000Z', lanes: 1 },
    ...{ damaged: 0, full: false, recipients: { due: 1, active: 2, deferred: 3, held: 4 }, isPartial: false },
  }),
  tlsReports: async (days) => ({ days, domains: [] }),
  messages: async (filter) => note('messages', filter, [message]),
  message: async (id) => (id === message.id ? message : undefined),
  content: async (id, limit) =>
    id === message.id
      ? note('content', limit, Buffer.from('Subject: <b>\r\n\r\nbody').subarray(0, limit))
      : undefined,
  act: async (action, select) =>
    note(action, select, 'ids' in select ? Number(select.ids.includes(message.id)) : 2),
  history: async (query) => note('history', query, []),
};

let server: HttpServer;
let port: number;

beforeAll(async () => {
  server = createControlServer(backend, {
    access: { by: 'token', token: () => TOKEN },
    onDefect: (error) => defects.push(error),
  });
  ({ port } = await server.listen('127.0.0.1', 0));
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  defects = [];
});

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  return {
    status: response.status,
    type,
    headers: response.headers,
    body: type.includes('json') ? JSON.parse(text) : text,
  };
}

/** fetch doesn't let a Host header be chosen. */
function askAs(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest(
      { port, host: '127.0.0.1', path: '/v1/config', headers: { host, authorization: `Bearer ${TOKEN}` } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    )
      .on('error', reject)
      .end();
  });
}

describe('who may ask', () => {
  it('needs the token, on every path', async () => {
    for (const path of ['/v1/config', '/v1/messages', '/nowhere']) {
      const refused = await ask('GET', path, undefined, { authorization: 'Bearer guessed' });
      expect(refused).toMatchObject({
        status: 401,
        type: expect.stringContaining('application/problem+json'),
        body: { type: 'about:blank', title: 'Unauthorized', status: 401, code: 'Unauthorized' },
      });
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(asked).toEqual([]);
  });

  it('needs a Host that means this machine', async () => {
    expect(await askAs(`evil.example:${port}`)).toBe(421);
    expect(await askAs(`localhost:${port}`)).toBe(200);
  });
});

describe('TLS reports', () => {
  it('are those of a week, or of as many days as are kept', async () => {
    expect((await ask('GET', '/v1/tls-reports')).body).toEqual({ days: 7, domains: [] });
    expect((await ask('GET', '/v1/tls-reports?days=30')).body).toEqual({ days: 30, domains: [] });
    for (const query of ['days=31', 'days=0', 'days=x', 'domain=a']) {
      expect((await ask('GET', `/v1/tls-reports?${query}`)).status).toBe(400);
    }
  });
});

describe('the queue', () => {
  it('is counted without a word of what is in it', async () => {
    const { status, body } = await ask('GET', '/v1/queue/totals');
    expect(status).toBe(200);
    expect(body).toMatchObject({ messages: 7, oldestAt: '2026-11-22T14:00:00.000Z', isPartial: false });
    expect(body).not.toHaveProperty('destinations');
    expect((await ask('GET', '/v1/queue/totals?limit=1')).status).toBe(400);
  });
});

describe('config', () => {
  it('shows what is loaded and takes a new one', async () => {
    expect((await ask('GET', '/v1/config')).body).toEqual({
      revision: 3,
      resources: { 'MTA/mail/mta': 2 },
      reads: [1],
    });
    const large = { version: 1, padding: 'x'.repeat(5_000_000) };
    expect(await ask('PUT', '/v1/config', large)).toMatchObject({ status: 200, body: { revision: 4 } });
    expect(asked).toEqual([['load', large]]);
  });

  it('says why one is refused', async () => {
    expect(await ask('PUT', '/v1/config', { version: 9 })).toMatchObject({
      status: 422,
      body: { code: 'ConfigInvalid', detail: 'version: must be 1', hint: 'Use the version of this program.' },
    });
    expect(await ask('PUT', '/v1/config', '{"version": 1')).toMatchObject({
      status: 400,
      body: { code: 'UsageError' },
    });
  });
});

describe('messages', () => {
  it('lists by filter', async () => {
    const { body } = await ask('GET', '/v1/messages?destination=mx:example.org&held=false&limit=5');
    expect(body).toEqual({ messages: [message] });
    expect(asked).toEqual([['messages', { destination: 'mx:example.org', held: false, limit: 5 }]]);
    await ask('GET', '/v1/messages');
    expect(asked[1]).toEqual(['messages', { limit: 100 }]);
  });

  it.each(['colour=red', 'held=perhaps', 'limit=0', 'limit=x', 'limit=99999', 'from=a&from=b'])(
    'refuses ?%s',
    async (query) => {
      const { status, body } = await ask('GET', `/v1/messages?${query}`);
      expect([status, body.code]).toEqual([400, 'UsageError']);
      expect(body.detail).toContain(query.split('=')[0]);
      expect(asked).toEqual([]);
    },
  );

  it('shows one, or says where to look for it', async () => {
    expect((await ask('GET', '/v1/messages/a1b2-7')).body).toEqual(message);
    expect(await ask('GET', '/v1/messages/gone-1')).toMatchObject({
      status: 404,
      body: { code: 'NoSuchMessage', hint: expect.stringContaining('/v1/history?id=gone-1') },
    });
  });

  it('gives the content, and nothing for a browser to show', async () => {
    const { status, type, headers, body } = await ask('GET', '/v1/messages/a1b2-7/content?limit=12');
    expect([status, type, body]).toEqual([200, 'message/rfc822', 'Subject: <b>']);
    expect(headers.get('content-disposition')).toBe('attachment');
    expect((await ask('GET', '/v1/messages/gone-1/content')).status).toBe(404);
  });

  it('acts on one', async () => {
    for (const [method, path] of [
      ['POST', '/v1/messages/a1b2-7/hold'],
      ['POST', '/v1/messages/a1b2-7/release'],
      ['POST', '/v1/messages/a1b2-7/retry'],
      ['DELETE', '/v1/messages/a1b2-7'],
    ] as const) {
      expect(await ask(method, path)).toMatchObject({ status: 200, body: { changed: 1 } });
    }
    expect(asked.map((entry) => (entry as string[])[0])).toEqual(['hold', 'release', 'retry', 'remove']);
    expect((await ask('DELETE', '/v1/messages/gone-1')).body.code).toBe('NoSuchMessage');
    expect((await ask('POST', '/v1/messages/a1b2-7/burn')).body.code).toBe('NoSuchResource');
  });

  it('acts on many by filter or by id', async () => {
    expect((await ask('POST', '/v1/messages/hold', { destination: 'mx:example.org' })).body).toEqual({
      changed: 2,
    });
    await ask('POST', '/v1/messages/remove', { held: true, limit: 10 });
    await ask('POST', '/v1/messages/retry', { ids: ['a1b2-7'] });
    await ask('POST', '/v1/messages/release', { all: true });
    const everything = Number.MAX_SAFE_INTEGER;
    expect(asked).toEqual([
      ['hold', { filter: { destination: 'mx:example.org', limit: everything } }],
      ['remove', { filter: { held: true, limit: 10 } }],
      ['retry', { ids: ['a1b2-7'] }],
      ['release', { filter: { limit: everything } }],
    ]);
  });

  it.each([
    {},
    { limit: 5 },
    { ids: [] },
    { all: false },
    { all: true, from: 'x' },
    { colour: 'red' },
    [],
    'x',
    null,
  ])('does nothing by %j', async (body) => {
    const refused = await ask('POST', '/v1/messages/remove', JSON.stringify(body));
    expect([refused.status, refused.body.code]).toEqual([400, 'UsageError']);
    expect(refused.body.detail).not.toBe('');
    expect(asked).toEqual([]);
  });

  it('says that an empty filter is the fault, and how to mean everything', async () => {
    expect((await ask('POST', '/v1/messages/remove', {})).body.detail).toContain('{"all": true}');
    expect((await ask('POST', '/v1/messages/remove', { colour: 'red' })).body.detail).toContain('colour');
    expect((await ask('POST', '/v1/messages/burn', {})).body.code).toBe('NoSuchResource');
  });
});

describe('drain', () => {
  it('is started, looked at and cancelled', async () => {
    for (const method of ['POST', 'GET', 'DELETE']) {
      expect(await ask(method, '/v1/drain')).toMatchObject({ status: 200, body: { state: 'notDraining' } });
      expect((await ask(method, '/v1/drain?now=1')).body.code).toBe('UsageError');
    }
    expect(asked).toEqual([
      ['drain', 'start'],
      ['drain', 'cancel'],
    ]);
  });

  it('gives a member up that is named, and none that lives', async () => {
    const answer = await ask('POST', '/v1/drain/give-up', { member: 'mta-1' });
    expect(answer).toMatchObject({ status: 200, body: { member: 'mta-1', freed: 2 } });
    const refused = await ask('POST', '/v1/drain/give-up', { member: 'lives' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'MemberLive' } });
    for (const body of [{}, { member: '' }, { member: 'mta-1', all: true }]) {
      expect((await ask('POST', '/v1/drain/give-up', body)).body.code).toBe('UsageError');
    }
    expect(asked).toEqual([['drain', 'give up mta-1']]);
  });
});

describe('history', () => {
  it('is searched by what is given', async () => {
    await ask('GET', '/v1/history?to=ben@example.org&since=2026-11-20T00:00:00Z&limit=3');
    expect(asked).toEqual([['history', { to: 'ben@example.org', since: '2026-11-20T00:00:00Z', limit: 3 }]]);
    expect((await ask('GET', '/v1/history?since=yesterday')).body.code).toBe('UsageError');
  });
});

describe('what goes wrong inside', () => {
  it('is told to the log, not to the client', async () => {
    const { status, body } = await ask('GET', '/v1/queue');
    expect([status, body.code]).toEqual([500, 'InternalError']);
    expect(JSON.stringify(body)).not.toContain('secrets');
    expect(String(defects[0])).toContain('secrets');
  });

  it('is a problem too where there is no such path', async () => {
    expect(await ask('GET', '/v2/queue?x=1')).toMatchObject({
      status: 404,
      body: { code: 'NoSuchResource', detail: 'There is no GET /v2/queue' },
    });
  });

  it.each(['/v1/messages/%zz', `/v1/messages/${'a'.repeat(300)}`])(
    'is told alike before there is a route',
    async (path) => {
      expect(await ask('GET', path)).toMatchObject({ status: 400, body: { code: 'UsageError' } });
      const answer = await ask('GET', path, undefined, { authorization: 'Bearer wrong' });
      expect(answer).toMatchObject({ status: 401, body: { code: 'Unauthorized' } });
    },
  );

  it('is content that would not fit into memory', async () => {
    expect((await ask('GET', '/v1/messages/a1b2-7/content?limit=999999999')).body.code).toBe('UsageError');
  });
});
