/** RFC 3974: mail hosts with addresses of IPv4, of IPv6, and of both. */
import type { Answer } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import type { Script } from '../../mta/deliver/testing/peer.ts';
import { a, aaaa, cname, mx } from '../../mta/route/testing/dns-server.ts';
import { waitFor } from '../support/wait.ts';
import { type MailHostsOptions, startMailHosts, stopMailHosts } from './mail-hosts.ts';
import { startRelay, stopRelays } from './relay.ts';

afterEach(async () => {
  await stopRelays();
  await stopMailHosts();
});

const [V6, V4, OTHER_V4] = ['::1', '127.0.0.2', '127.0.0.3'];
const HOST = mx('peer.test', 1, 'mx1.peer.test');
const BACKUP = mx('peer.test', 10, 'mx10.peer.test');
const BOTH = [aaaa('mx1.peer.test', V6), a('mx1.peer.test', V4)];

/** Who had how many connections, and where the message is, once its first attempt is over. */
async function attempt(
  records: readonly Answer[],
  hosts: Readonly<Record<string, Script>> = {},
  families?: MailHostsOptions['families'],
) {
  const found = await startMailHosts({ records, hosts, ...(families && { families }) });
  const relay = await startRelay({ hops: found.hops });
  await relay.accept({ to: ['bob@peer.test'] });
  const { reply, attempts } = await waitFor('an attempt', () => relay.attempted[0]);
  expect(attempts).toBe(1);
  const connections = Object.fromEntries(
    Object.entries(found.at).map(([at, peer]) => [at, peer.connections()]),
  );
  const contents = Object.entries(found.at).flatMap(([at, peer]) => peer.contents.map(() => at));
  return { reply, connections, contents, asked: found.asked() };
}

describe('RFC 3974 §3: a sender in a dual-stack environment', () => {
  it('(5): asks a host with both by IPv6', async () => {
    const { connections, contents } = await attempt([HOST, ...BOTH], { [V6]: {}, [V4]: {} });
    expect(connections).toEqual({ [V6]: 1, [V4]: 0 });
    expect(contents).toEqual([V6]);
  });

  it('(8): asks it by IPv4 at once where its IPv6 is not reached', async () => {
    const { contents } = await attempt([HOST, ...BOTH], { [V4]: {} });
    expect(contents).toEqual([V4]);
  });

  it('(9): asks it by IPv4 at once where its IPv6 is out of order', async () => {
    const { connections, contents } = await attempt([HOST, ...BOTH], {
      ...{ [V6]: { greeting: '421 4.3.2 busy' }, [V4]: {} },
    });
    expect(connections).toEqual({ [V6]: 1, [V4]: 1 });
    expect(contents).toEqual([V4]);
  });

  it('(2): asks all addresses of a host before one that is less preferred', async () => {
    const records = [BACKUP, HOST, ...BOTH, a('mx10.peer.test', OTHER_V4)];
    const first = await attempt(records, { [V4]: {}, [OTHER_V4]: {} });
    expect(first.contents).toEqual([V4]);
    expect(first.connections[OTHER_V4]).toBe(0);
  });

  it('(8): asks the next host where all addresses of one are not reached', async () => {
    const records = [BACKUP, HOST, ...BOTH, a('mx10.peer.test', OTHER_V4)];
    expect((await attempt(records, { [OTHER_V4]: {} })).contents).toEqual([OTHER_V4]);
  });

  it('(8): defers where none is', async () => {
    const { reply } = await attempt([HOST, ...BOTH]);
    expect(reply).toMatchObject({ code: 451, enhanced: '4.4.1' });
  });

  it('(9): asks nobody else where one has refused for good', async () => {
    const { reply, connections } = await attempt([HOST, ...BOTH], {
      ...{ [V6]: { answers: { MAIL: '550 5.7.1 never' } }, [V4]: {} },
    });
    expect(reply).toMatchObject({ code: 550 });
    expect(connections).toEqual({ [V6]: 1, [V4]: 0 });
  });

  it('(5): passes a host over that has no address', async () => {
    const records = [HOST, BACKUP, a('mx10.peer.test', V4)];
    expect((await attempt(records, { [V4]: {} })).contents).toEqual([V4]);
  });

  it('(1): takes the domain itself for a host where it has no MX', async () => {
    const { contents } = await attempt([aaaa('peer.test', V6), a('peer.test', V4)], { [V6]: {}, [V4]: {} });
    expect(contents).toEqual([V6]);
  });

  it('(1): goes by the name that the domain is an alias of', async () => {
    const records = [cname('peer.test', 'real.test'), mx('real.test', 1, 'mx1.peer.test'), ...BOTH];
    expect((await attempt(records, { [V6]: {} })).contents).toEqual([V6]);
  });

  it('(1): refuses a domain that does not exist for good', async () => {
    expect((await attempt([])).reply).toMatchObject({ code: 550, enhanced: '5.1.2' });
  });
});

describe('RFC 3974 §3: a sender of one family', () => {
  it('asks for no addresses of the other', async () => {
    const { asked, contents } = await attempt([HOST, ...BOTH], { [V6]: {}, [V4]: {} }, ['ipv4']);
    expect(contents).toEqual([V4]);
    expect(asked).toEqual(['A mx1.peer.test', 'MX peer.test']);
  });

  it('has the same error for a host with addresses of the other alone as for one without any', async () => {
    const other = await attempt([HOST, aaaa('mx1.peer.test', V6)], { [V6]: {} }, ['ipv4']);
    const none = await attempt([HOST], {}, ['ipv4']);
    expect(other.reply).toEqual(none.reply);
    expect(other.reply).toMatchObject({ code: 550, enhanced: '5.4.4' });
  });
});
