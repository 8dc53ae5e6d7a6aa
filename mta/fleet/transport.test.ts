import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, certificateAuthority } from '../../test/support/authority.ts';
import { waitFor } from '../../test/support/wait.ts';
import { systemClock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import { createFleetClient } from './client.ts';
import { memberHost } from './hosts.ts';
import { readIdentity } from './identity.ts';
import { createFleetServer } from './server.ts';
import { FLEET_VERSION } from './version.ts';

const fleet = { namespace: 'mail', name: 'mta' };
let authority: Authority;
let stranger: Authority;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  [authority, stranger] = await Promise.all([certificateAuthority(), certificateAuthority('another')]);
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function identityOf(name: string, by = authority) {
  return readIdentity(await by.issue(memberHost(name, fleet)), name, fleet);
}

async function server(name: string) {
  const defects: unknown[] = [];
  const calls: string[] = [];
  const made = createFleetServer({
    fleet,
    identity: await identityOf(name),
    onCall: (from, version) => calls.push(`${from} ${version}`),
    onDefect: (error) => defects.push(error),
  });
  const { port } = await made.listen('127.0.0.1', 0);
  ends.push(() => made.close());
  return { ...made, where: { host: '127.0.0.1', port }, defects, calls };
}

async function client(name: string, by = authority) {
  const made = createFleetClient(fleet, await identityOf(name, by), systemClock);
  ends.push(() => made.close());
  return made;
}

describe('a call between members', () => {
  it('carries JSON both ways, and says who asks', async () => {
    const { where, route, calls } = await server('a');
    route('/echo', async ({ from, query, json }) => ({ from, query, body: await json() }));
    const b = await client('b');
    const answer = await b.call(where, 'a', '/echo', { x: [1, 'é'] }, { query: { n: '1' } });
    expect(await answer.json()).toEqual({ from: 'b', query: { n: '1' }, body: { x: [1, 'é'] } });
    expect(answer).toMatchObject({ member: 'a', version: FLEET_VERSION });
    expect(calls).toEqual([`b ${FLEET_VERSION}`]);
  });

  it('streams bodies of any size both ways', async () => {
    const { where, route } = await server('a');
    route('/back', async ({ body }) => body);
    const b = await client('b');
    const piece = Buffer.alloc(256 * 1024, 'x');
    const answer = await b.call(where, 'a', '/back', Readable.from(Array.from({ length: 64 }, () => piece)));
    let size = 0;
    for await (const chunk of answer.body) size += (chunk as Buffer).length;
    expect(size).toBe(64 * piece.length);
  });

  it('rejects with what the handler rejected with', async () => {
    const { where, route, defects } = await server('a');
    route('/no', () => Promise.reject(new PostriderError('LaneLost', 'not mine', { hint: 'ask again' })));
    route('/defect', () => Promise.reject(new Error('secret of the house')));
    const b = await client('b');
    await expect(b.call(where, 'a', '/no', {})).rejects.toMatchObject({
      code: 'LaneLost',
      message: 'not mine',
      hint: 'ask again',
    });
    await expect(b.call(where, 'a', '/defect', {})).rejects.toMatchObject({ code: 'InternalError' });
    await expect(b.call(where, 'a', '/nowhere', {})).rejects.toMatchObject({ code: 'NoSuchResource' });
    expect(defects).toHaveLength(1);
  });

  it('refuses a body that is larger than the handler wants', async () => {
    const { where, route } = await server('a');
    route('/small', ({ json }) => json(100));
    const b = await client('b');
    await expect(b.call(where, 'a', '/small', 'x'.repeat(200))).rejects.toMatchObject({ code: 'UsageError' });
  });
});

describe('who is let in', () => {
  it('has a certificate of the fleet: of another authority it gets nowhere', async () => {
    const { where, route, calls } = await server('a');
    route('/echo', async () => ({}));
    const theirs = { ...(await identityOf('b', stranger)), authority: authority.certificate };
    const b = createFleetClient(fleet, theirs, systemClock);
    ends.push(() => b.close());
    await expect(b.call(where, 'a', '/echo', {})).rejects.toMatchObject({ code: 'MemberUnreachable' });
    expect(calls).toEqual([]);
  });

  it('shows a certificate at all', async () => {
    const { where, calls } = await server('a');
    const options = { method: 'POST', headers: { 'postrider-fleet-version': '1' } };
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(fetch(`https://127.0.0.1:${where.port}/echo`, options)).rejects.toThrow();
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
    expect(calls).toEqual([]);
  });

  it('is a member by its name: the same authority signs for others too', async () => {
    const { where, route, calls, defects } = await server('a');
    route('/echo', async () => ({}));
    const folder = await authority.issue('b.other.mail.members.postrider.internal');
    const other = readIdentity(folder, 'b', { namespace: 'mail', name: 'other' });
    const b = createFleetClient(fleet, other, systemClock);
    ends.push(() => b.close());
    await expect(b.call(where, 'a', '/echo', {})).rejects.toMatchObject({ code: 'MemberRefused' });
    expect(calls).toEqual([]);
    // It is no fault of this program.
    expect(defects).toEqual([]);
  });

  it('is who was meant', async () => {
    const { where, route } = await server('a');
    route('/echo', async () => ({}));
    const b = await client('b');
    await expect(b.call(where, 'c', '/echo', {})).rejects.toMatchObject({
      code: 'MemberUnreachable',
      message: expect.stringContaining('certificate is not for c.mta.mail'),
    });
    expect((await b.call(where, undefined, '/echo', {})).member).toBe('a');
  });

  it('a certificate for several members is for none', async () => {
    const folder = await authority.issue(memberHost('a', fleet), memberHost('b', fleet));
    expect(() => readIdentity(folder, 'a', fleet)).toThrow('tls.crt is not for a.mta.mail');
  });

  it('a folder may have a certificate for each member, and each takes its own', async () => {
    const folder = await authority.issue(memberHost('a', fleet));
    const other = await authority.issue(memberHost('b', fleet));
    renameSync(join(other, 'tls.crt'), join(folder, 'b.crt'));
    expect(() => readIdentity(folder, 'b', fleet)).toThrow("can't read b.key");
    renameSync(join(other, 'tls.key'), join(folder, 'b.key'));
    expect(readIdentity(folder, 'b', fleet).certificate).not.toBe(
      readIdentity(folder, 'a', fleet).certificate,
    );
    expect(() => readIdentity(folder, 'c', fleet)).toThrow('tls.crt is not for c.mta.mail');
  });

  it('a new identity serves from the next connection on', async () => {
    const { where, route, identify } = await server('a');
    route('/echo', async () => ({}));
    const old = await client('b');
    await (await old.call(where, 'a', '/echo', {})).json();
    identify(await identityOf('a', stranger));
    const b = await client('b', stranger);
    await (await b.call(where, 'a', '/echo', {})).json();
    // A connection that was made with the old authority is closed: it isn't trusted any more.
    await waitFor('the old one to be refused', async () => {
      const refused = await old.call(where, 'a', '/echo', {}).catch((error: PostriderError) => error.code);
      return refused === 'MemberUnreachable';
    });
    await expect(old.call(where, 'a', '/echo', {})).rejects.toMatchObject({ code: 'MemberUnreachable' });
  });
});

describe('a member that', () => {
  it('hangs is waited for no longer than was said', async () => {
    const { where, route } = await server('a');
    route('/hang', () => new Promise(() => {}));
    const b = await client('b');
    await expect(b.call(where, 'a', '/hang', {}, { idleMs: 100 })).rejects.toMatchObject({
      code: 'MemberUnreachable',
    });
  });

  it('accepts connections and says nothing likewise', async () => {
    const mute = createServer(() => {}).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    ends.push(() => mute.close());
    const b = await client('b');
    const where = { host: '127.0.0.1', port: (mute.address() as { port: number }).port };
    await expect(b.call(where, 'a', '/x', {}, { idleMs: 100 })).rejects.toMatchObject({
      code: 'MemberUnreachable',
    });
    b.close();
  });

  it('stops in the middle of its answer fails the reader', async () => {
    const { where, route } = await server('a');
    route('/half', async () => Readable.from(half()));
    async function* half() {
      yield Buffer.from('{"a":');
      await new Promise((_, reject) => setTimeout(() => reject(new Error('gone')), 50));
    }
    const b = await client('b');
    const answer = await b.call(where, 'a', '/half', {});
    await expect(answer.json()).rejects.toMatchObject({ code: 'MemberUnreachable' });
  });

  it('has gone is unreachable', async () => {
    const { where, close } = await server('a');
    await close();
    const b = await client('b');
    await expect(b.call(where, 'a', '/x', {})).rejects.toMatchObject({ code: 'MemberUnreachable' });
  });
});
