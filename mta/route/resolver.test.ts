import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../clock.ts';
import { systemRandom } from '../random.ts';
import { createResolver, parseResolvConf, parseServer } from './resolver.ts';
import {
  a,
  cname,
  mx,
  type Query,
  RCODE,
  type Said,
  soa,
  startDnsServer,
  type TestDnsServer,
} from './testing/dns-server.ts';

const running: TestDnsServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function serve(
  answer: (query: Query) => readonly Said[] | Promise<readonly Said[]>,
): Promise<TestDnsServer> {
  const server = await startDnsServer(answer);
  running.push(server);
  return server;
}

function resolverOf(
  servers: readonly TestDnsServer[],
  more: { timeoutMs?: number; clock?: Clock; cacheSize?: number; validates?: boolean } = {},
) {
  return createResolver({
    servers: servers.map(({ server }) => server),
    timeoutMs: 2000,
    clock: systemClock,
    random: systemRandom,
    ...more,
  });
}

/** Timers as they are; time of day as the test sets it. */
function movingClock(): Clock & { advance(ms: number): void } {
  let ahead = 0;
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + ahead,
    advance: (ms) => {
      ahead += ms;
    },
  };
}

describe('what an answer says', () => {
  it('gives records with their TTL and the AD bit', async () => {
    const dns = await serve(() => [
      {
        answers: [mx('example.org', 10, 'MX.example.org.', 300), mx('example.org', 5, 'b.test', 200)],
        authenticated: true,
      },
    ]);
    expect(await resolverOf([dns], { validates: true }).lookup('example.org', 'MX')).toEqual({
      status: 'found',
      records: [
        { preference: 10, exchange: 'mx.example.org' },
        { preference: 5, exchange: 'b.test' },
      ],
      ttl: 200,
      authenticated: true,
      name: 'example.org',
    });
    expect(dns.queries).toMatchObject([{ name: 'example.org', type: 'MX', edns: true, transport: 'udp' }]);
  });

  it('believes the AD bit of no resolver that is not trusted', async () => {
    const dns = await serve(({ name }) => [
      { answers: name === 'a.test' ? [a('a.test', '192.0.2.1')] : [], authenticated: true },
    ]);
    for (const name of ['a.test', 'empty.test']) {
      expect(await resolverOf([dns]).lookup(name, 'A')).toMatchObject({ authenticated: false });
      expect(await resolverOf([dns], { validates: true }).lookup(name, 'A')).toMatchObject({
        authenticated: true,
      });
    }
  });

  it('gives TLSA records, and a CNAME that is asked for itself', async () => {
    const certificate = Buffer.from('00ff', 'hex');
    const dns = await serve(({ name, type }) => [
      {
        answers:
          type === 'TLSA'
            ? [{ type: 'TLSA', name, ttl: 60, data: { usage: 3, selector: 1, matchingType: 0, certificate } }]
            : [cname(name, 'B.test.'), cname('b.test', 'c.test')],
      },
    ]);
    const resolver = resolverOf([dns]);
    expect(await resolver.lookup('_25._tcp.mx.test', 'TLSA')).toMatchObject({
      records: [{ usage: 3, selector: 1, matchingType: 0, data: '00ff' }],
    });
    expect(await resolver.lookup('a.test', 'CNAME')).toMatchObject({ records: ['b.test'], name: 'a.test' });
  });

  it('tells no such record, no such domain and not knowing apart', async () => {
    const rcodes: Record<string, number> = { 'gone.test': RCODE.NXDOMAIN, 'sick.test': RCODE.SERVFAIL };
    const dns = await serve(({ name }) => [{ rcode: rcodes[name] ?? RCODE.NOERROR }]);
    const resolver = resolverOf([dns]);
    expect(await resolver.lookup('empty.test', 'A')).toMatchObject({ status: 'noData' });
    expect(await resolver.lookup('gone.test', 'A')).toMatchObject({ status: 'noDomain' });
    expect(await resolver.lookup('sick.test', 'A')).toEqual({
      status: 'failed',
      reason: '127.0.0.1 answered SERVFAIL',
    });
  });

  it('asks nobody about what is no domain name', async () => {
    const dns = await serve(() => []);
    const resolver = resolverOf([dns]);
    for (const name of ['', 'a..b', `${'a'.repeat(64)}.test`, 'a b.test', `${'a.'.repeat(127)}aa`]) {
      expect(await resolver.lookup(name, 'A')).toMatchObject({ status: 'noDomain' });
    }
    expect(dns.queries).toEqual([]);
  });
});

describe('aliases', () => {
  it('are followed within one answer', async () => {
    const dns = await serve(() => [
      { answers: [cname('www.test', 'b.test', 30), cname('b.test', 'C.test.'), a('c.test', '192.0.2.1')] },
    ]);
    expect(await resolverOf([dns]).lookup('www.test', 'A')).toMatchObject({
      status: 'found',
      records: ['192.0.2.1'],
      ttl: 30,
    });
  });

  it('are followed by another question where the answer stops at one', async () => {
    const dns = await serve(({ name }) => [
      { answers: name === 'www.test' ? [cname('www.test', 'b.test')] : [a('b.test', '192.0.2.2')] },
    ]);
    expect(await resolverOf([dns]).lookup('www.test', 'A')).toMatchObject({
      records: ['192.0.2.2'],
      name: 'b.test',
    });
  });

  it('are authenticated where every answer on the way is (RFC 7672 §2.1.3)', async () => {
    for (const [first, second] of [
      [true, true],
      [true, false],
      [false, true],
    ]) {
      const dns = await serve(({ name }) => [
        name === 'www.test'
          ? { answers: [cname('www.test', 'b.test')], authenticated: first! }
          : { answers: [a('b.test', '192.0.2.2')], authenticated: second! },
      ]);
      const answer = await resolverOf([dns], { validates: true }).lookup('www.test', 'A');
      expect(answer).toMatchObject({ authenticated: first && second });
    }
  });

  it('that lead in a circle fail', async () => {
    const dns = await serve(({ name }) => [
      { answers: name === 'a.test' ? [cname('a.test', 'b.test')] : [cname('b.test', 'a.test')] },
    ]);
    expect(await resolverOf([dns]).lookup('a.test', 'A')).toMatchObject({ status: 'failed' });
  });

  it('that lead in a circle within one answer fail, with or without an SOA', async () => {
    for (const authorities of [[], [soa('test', 60, 60)]]) {
      const dns = await serve(() => [
        { answers: [cname('a.test', 'b.test'), cname('b.test', 'a.test')], authorities },
      ]);
      expect(await resolverOf([dns]).lookup('a.test', 'MX')).toMatchObject({ status: 'failed' });
    }
  });

  it('that lead to what is no name fail, and are not asked for', async () => {
    const asked: string[] = [];
    const dns = await serve(({ name }) => {
      asked.push(name);
      return [{ answers: [cname('a.test', 'no name.test')] }];
    });
    expect(await resolverOf([dns]).lookup('a.test', 'A')).toMatchObject({ status: 'failed' });
    expect(new Set(asked)).toEqual(new Set(['a.test']));
  });

  it('that lead to nothing have no data', async () => {
    const dns = await serve(() => [
      { answers: [cname('a.test', 'b.test')], authorities: [soa('b.test', 60, 60)] },
    ]);
    expect(await resolverOf([dns]).lookup('a.test', 'A')).toMatchObject({ status: 'noData', ttl: 60 });
  });
});

describe('who is believed', () => {
  it('ignores a wrong id, a wrong question and noise, and waits for the right answer', async () => {
    const answers = [a('example.org', '192.0.2.66')];
    const dns = await serve(() => [
      { raw: Buffer.from('noise') },
      { id: 1, answers },
      { id: 2, answers },
      { question: 'evil.test', answers: [a('evil.test', '192.0.2.66')] },
      { answers: [a('example.org', '192.0.2.1')] },
    ]);
    const fixed = { ...systemRandom, bytes: () => Buffer.from([0x12, 0x34]) };
    const resolver = createResolver({
      servers: [dns.server],
      timeoutMs: 2000,
      clock: systemClock,
      random: fixed,
    });
    expect(await resolver.lookup('example.org', 'A')).toMatchObject({ records: ['192.0.2.1'] });
  });

  it('asks from a port of its own each time', async () => {
    const dns = await serve(() => [{ answers: [] }]);
    const resolver = resolverOf([dns]);
    for (let i = 0; i < 8; i++) {
      await resolver.lookup(`n${i}.test`, 'A');
    }
    expect(new Set(dns.queries.map(({ port }) => port)).size).toBeGreaterThan(4);
  });

  it('asks over TCP where the answer was truncated', async () => {
    const dns = await serve(({ transport }) =>
      transport === 'udp' ? [{ truncated: true }] : [{ answers: [a('big.test', '192.0.2.9')] }],
    );
    expect(await resolverOf([dns]).lookup('big.test', 'A')).toMatchObject({ records: ['192.0.2.9'] });
    expect(dns.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  it('asks without EDNS who does not know it, and remembers', async () => {
    const dns = await serve(({ edns, name }) =>
      edns ? [{ rcode: RCODE.FORMERR }] : [{ answers: [a(name, '192.0.2.9')] }],
    );
    const resolver = resolverOf([dns]);
    expect(await resolver.lookup('one.test', 'A')).toMatchObject({ records: ['192.0.2.9'] });
    expect(await resolver.lookup('two.test', 'A')).toMatchObject({ records: ['192.0.2.9'] });
    expect(dns.queries.map(({ edns }) => edns)).toEqual([true, false, false]);
  });
});

describe('several servers', () => {
  it('goes on to the next one after silence, and starts there the next time', async () => {
    const silent = await serve(() => []);
    const good = await serve(({ name }) => [{ answers: [a(name, '192.0.2.1')] }]);
    const resolver = resolverOf([silent, good], { timeoutMs: 50 });
    expect(await resolver.lookup('one.test', 'A')).toMatchObject({ status: 'found' });
    expect(await resolver.lookup('two.test', 'A')).toMatchObject({ status: 'found' });
    expect(silent.queries.length).toBe(1);
  });

  it('goes on to the next one after SERVFAIL and after a closed port', async () => {
    const sick = await serve(() => [{ rcode: RCODE.SERVFAIL }]);
    const gone = await startDnsServer(() => []);
    await gone.close();
    const good = await serve(({ name }) => [{ answers: [a(name, '192.0.2.1')] }]);
    expect(await resolverOf([gone, sick, good]).lookup('one.test', 'A')).toMatchObject({ status: 'found' });
  });

  it('knows nothing when all are silent, after two rounds', async () => {
    const silent = await serve(() => []);
    expect(await resolverOf([silent], { timeoutMs: 30 }).lookup('one.test', 'A')).toEqual({
      status: 'failed',
      reason: '127.0.0.1 did not answer in time',
    });
    expect(silent.queries.length).toBe(2);
  });
});

describe('the cache', () => {
  it('keeps an answer for its TTL', async () => {
    const clock = movingClock();
    const dns = await serve(({ name }) => [{ answers: [a(name, '192.0.2.1', 60)] }]);
    const resolver = resolverOf([dns], { clock });
    await resolver.lookup('one.test', 'A');
    clock.advance(59_000);
    await resolver.lookup('ONE.test', 'A');
    expect(dns.queries.length).toBe(1);
    clock.advance(2000);
    await resolver.lookup('one.test', 'A');
    expect(dns.queries.length).toBe(2);
  });

  it('keeps a negative answer as its SOA says, and none without an SOA', async () => {
    const clock = movingClock();
    const dns = await serve(({ name }) => [
      { rcode: RCODE.NXDOMAIN, authorities: name === 'soa.test' ? [soa('test', 900, 60)] : [] },
    ]);
    const resolver = resolverOf([dns], { clock });
    for (const name of ['soa.test', 'soa.test', 'bare.test', 'bare.test']) {
      expect(await resolver.lookup(name, 'A')).toMatchObject({ status: 'noDomain' });
    }
    expect(dns.queries.map(({ name }) => name)).toEqual(['soa.test', 'bare.test', 'bare.test']);
    clock.advance(61_000);
    await resolver.lookup('soa.test', 'A');
    expect(dns.queries.length).toBe(4);
  });

  it('keeps no failure, shares what is in flight, and is bounded', async () => {
    let sick = true;
    const dns = await serve(({ name }) =>
      sick ? [{ rcode: RCODE.SERVFAIL }] : [{ answers: [a(name, '192.0.2.1')] }],
    );
    const resolver = resolverOf([dns], { cacheSize: 2 });
    await resolver.lookup('one.test', 'A');
    sick = false;
    dns.queries.length = 0;
    await Promise.all([resolver.lookup('one.test', 'A'), resolver.lookup('one.test', 'A')]);
    expect(dns.queries.length).toBe(1);
    await resolver.lookup('two.test', 'A');
    await resolver.lookup('three.test', 'A');
    await resolver.lookup('three.test', 'A');
    expect(dns.queries.length).toBe(3);
    await resolver.lookup('one.test', 'A');
    expect(dns.queries.length).toBe(4);
  });
});

describe('configuration', () => {
  it('reads servers with and without a port', () => {
    expect(parseServer('192.0.2.53')).toEqual({ address: '192.0.2.53', port: 53 });
    expect(parseServer('192.0.2.53:5353')).toEqual({ address: '192.0.2.53', port: 5353 });
    expect(parseServer('2001:db8::53')).toEqual({ address: '2001:db8::53', port: 53 });
    expect(parseServer('[2001:db8::53]:5353')).toEqual({ address: '2001:db8::53', port: 5353 });
    expect(parseServer('dns.example')).toBeUndefined();
    expect(parseServer('192.0.2.53:99999')).toBeUndefined();
  });

  it('reads nameservers of resolv.conf and nothing else of it', () => {
    expect(
      parseResolvConf(
        'search a.test\nnameserver 10.0.0.10\n# nameserver 1.1.1.1\n nameserver ::1\noptions ndots:5\n',
      ),
    ).toEqual([
      { address: '10.0.0.10', port: 53 },
      { address: '::1', port: 53 },
    ]);
    expect(parseResolvConf('')).toEqual([{ address: '127.0.0.1', port: 53 }]);
  });
});
