import { afterEach, describe, expect, it } from 'vitest';
import type { DnsResult } from '../route/dns-answer.ts';
import { MOST_REPORTS } from './allowance.ts';
import { DAY_MS, startOf, type Reporter as Who } from './report.ts';
import { rua, type Sent, SILENT_MS, world } from './testing/world.ts';
import { FIRST_MS, KEPT_MS, SPREAD_MS, TRIED_MS } from './times.ts';

const HOUR = 3_600_000;
const FAILED: DnsResult<'TXT'> = { status: 'failed', reason: 'SERVFAIL' };
const [MAIL, HTTPS] = ['mailto:tls@d.test', 'https://d.test/tls'];

const worlds: ReturnType<typeof world>[] = [];
const open = (...args: Parameters<typeof world>) => {
  const opened = world(...args);
  worlds.push(opened);
  return opened;
};
afterEach(async () => {
  for (const { running, clock } of worlds.splice(0)) {
    const stopped = Promise.all(running.map((each) => each.stop()));
    await clock.advance(SILENT_MS);
    await stopped;
  }
});

describe('reports of a day', () => {
  it('go to each domain that asks for them, once, within hours of the end of the day', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `d${i}.test`);
    const w = open({ ...Object.fromEntries(names.map((name) => [name, () => rua(`mailto:tls@${name}`)])) });
    const day = await w.count(...names, 'silent.test');
    w.process('a');
    await w.until(day, FIRST_MS - 1000);
    expect([w.sent, w.asked]).toEqual([[], []]);
    await w.until(day, FIRST_MS + SPREAD_MS + 120_000);
    expect(w.sent.map(({ report }) => report.domain).sort()).toEqual([...names].sort());
    const delays = w.sent.map(({ at }) => at - startOf(day) - DAY_MS);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(SPREAD_MS / 2);
    await w.until(day, 2 * DAY_MS);
    expect(w.sent).toHaveLength(40);
    expect(w.asked).toHaveLength(41);
    expect(JSON.parse(w.sent[0]!.report.json)).toMatchObject({ 'contact-info': 'tls@ours.test' });
    expect(w.errors).toEqual([]);
  });

  it('are not those of today', async () => {
    const w = open({ 'd.test': () => rua(MAIL) });
    const day = await w.count('d.test');
    w.process('a');
    await w.until(day, -1000);
    expect(w.sent).toEqual([]);
    expect(await w.days.list()).toEqual([day]);
  });

  it('go to every place of the record, and each of them is tried by itself', async () => {
    const w = open({ 'd.test': () => rua(MAIL, HTTPS) });
    const day = await w.count('d.test');
    w.state.fails = (uri) => uri === HTTPS && w.clock.now() < startOf(day) + DAY_MS + 8 * HOUR;
    w.process('a');
    await w.until(day, 2 * DAY_MS);
    expect(w.sent.map(({ uri }) => uri)).toEqual([MAIL, HTTPS]);
    expect(w.sent[0]!.report.id).toBe(w.sent[1]!.report.id);
    expect(new Set(w.events.map(({ uri, result }) => `${uri} ${result}`))).toEqual(
      new Set([`${MAIL} sent`, `${HTTPS} later`, `${HTTPS} sent`]),
    );
  });

  it('RFC 8460 §5.5: are tried less and less often for a day, and are given up then', async () => {
    const w = open({ 'd.test': () => rua(HTTPS) });
    const day = await w.count('d.test');
    const tries: number[] = [];
    w.state.fails = () => {
      tries.push(w.clock.now());
      return true;
    };
    w.process('a');
    await w.until(day, 3 * DAY_MS - 1000);
    const [first = 0] = tries;
    expect(tries.at(-1)! - first).toBeLessThanOrEqual(TRIED_MS + 120_000);
    expect(tries.at(-1)! - first).toBeGreaterThan(TRIED_MS / 2);
    expect(tries.length).toBeGreaterThan(5);
    expect(tries.length).toBeLessThan(15);
    const pauses = tries.slice(1).map((at, i) => at - tries[i]!);
    expect(pauses[3]!).toBeGreaterThan(2 * pauses[0]!);
    expect(w.events.at(-1)).toMatchObject({ result: 'failed', why: 'not now' });
    expect(await w.days.isFinished(day)).toBe(true);
  });

  it('wait for a resolver that can not say, and not for ever', async () => {
    let answer: DnsResult<'TXT'> = FAILED;
    const w = open({ 'd.test': () => answer, 'e.test': () => FAILED });
    const day = await w.count('d.test', 'e.test');
    w.process('a');
    await w.until(day, 8 * HOUR);
    answer = rua(MAIL);
    await w.until(day, 2 * DAY_MS);
    expect(w.sent.map(({ report }) => report.domain)).toEqual(['d.test']);
    expect(await w.days.isFinished(day)).toBe(true);
  });

  it('are sent by one of all processes, also where that stops, or dies, in the middle', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `d${i}.test`);
    const w = open({ ...Object.fromEntries(names.map((name) => [name, () => rua(`mailto:tls@${name}`)])) });
    const day = await w.count(...names);
    const all = { a: w.process('a'), b: w.process('b'), c: w.process('c') };
    await w.until(day, FIRST_MS + SPREAD_MS / 3);
    const [{ who: first }] = w.sent as [Sent];
    expect(new Set(w.sent.map(({ who }) => who))).toEqual(new Set([first]));
    await all[first as 'a'].stop();
    await w.until(day, FIRST_MS + (2 * SPREAD_MS) / 3);
    const { who: second } = w.sent.at(-1)!;
    expect(second).not.toBe(first);
    // It is as if its process were stuck.
    all[second as 'a'].tick = () => new Promise(() => {});
    await w.until(day, 2 * DAY_MS);
    expect(new Set(w.sent.map(({ who }) => who))).toEqual(new Set(['a', 'b', 'c']));
    expect(w.sent.map(({ report }) => report.domain).sort()).toEqual([...names].sort());
    w.running.splice(w.running.indexOf(all[second as 'a']), 1);
  });

  it('that were sent are not sent again after a restart, and those that were not are', async () => {
    const w = open({ 'd.test': () => rua(MAIL, HTTPS) });
    const day = await w.count('d.test');
    w.state.fails = (uri) => uri === HTTPS;
    await w.process('a').stop();
    w.process('b');
    await w.until(day, FIRST_MS + SPREAD_MS + HOUR);
    await w.running[1]!.stop();
    w.state.fails = () => false;
    w.process('c');
    await w.until(day, DAY_MS);
    expect(w.sent.map(({ uri, who }) => `${uri} ${who}`)).toEqual([`${MAIL} b`, `${HTTPS} c`]);
  });

  it('that the fleet was away for go out late, and not at all after days', async () => {
    const w = open({ 'd.test': () => rua(MAIL) });
    const old = await w.count('d.test');
    await w.clock.advance(DAY_MS);
    const late = await w.count('d.test');
    await w.until(old, KEPT_MS + HOUR);
    w.process('a');
    await w.clock.advance(HOUR);
    expect(w.sent.map(({ report }) => report.day)).toEqual([late]);
    expect(await w.days.list()).toEqual([late]);
    await w.until(late, KEPT_MS + HOUR);
    expect(await w.days.list()).toEqual([]);
  });

  it('are not sent where nobody wants to report, and what was counted goes in time', async () => {
    const w = open({ 'd.test': () => rua(MAIL) });
    w.state.reports = false;
    const day = await w.count('d.test');
    w.process('a');
    await w.until(day, KEPT_MS - HOUR);
    expect(await w.days.list()).toEqual([day]);
    await w.until(day, KEPT_MS + HOUR);
    expect([w.sent, w.asked, await w.days.list()]).toEqual([[], [], []]);
  });

  it('go on when a volume that failed is back, and none is sent twice', async () => {
    const w = open({ 'd.test': () => rua(MAIL, HTTPS) });
    const day = await w.count('d.test');
    w.process('a');
    await w.until(day, FIRST_MS - HOUR / 10);
    w.disk.inject = ({ operation }) =>
      operation === 'sync' ? Object.assign(new Error('EIO'), { code: 'EIO' }) : undefined;
    await w.until(day, FIRST_MS + SPREAD_MS + HOUR);
    expect(w.errors.length).toBeGreaterThan(0);
    w.disk.inject = () => undefined;
    await w.until(day, DAY_MS);
    expect(w.sent.map(({ uri }) => uri).sort()).toEqual([HTTPS, MAIL]);
  });

  it('are not held up by domains whose places are silent', async () => {
    const silent = Array.from({ length: 150 }, (_, i) => `a${i}.test`);
    const places = (name: string) => Array.from({ length: 3 }, (_, i) => `https://${i}.${name}/`);
    const w = open({
      ...Object.fromEntries(silent.map((name) => [name, () => rua(...places(name))])),
      'honest.test': () => rua('mailto:tls@honest.test'),
      'z.test': () => rua('https://a.z.test/', 'mailto:tls@z.test'),
    });
    const day = await w.count(...silent, 'honest.test', 'z.test');
    w.state.isSilent = (uri) => uri.startsWith('https:');
    // All are due when it begins.
    await w.until(day, FIRST_MS + SPREAD_MS);
    w.process('a');
    await w.clock.advance(HOUR / 2);
    expect(w.sent.map(({ uri }) => uri).sort()).toEqual(['mailto:tls@honest.test', 'mailto:tls@z.test']);
  });

  it('take the place of those that are slow at once, and have no place of theirs to wait for', async () => {
    const names = Array.from({ length: 9 }, (_, i) => `d${i}.test`);
    const w = open(
      Object.fromEntries(names.map((name) => [name, () => rua(`https://${name}/`, `mailto:a@${name}`)])),
    );
    const day = await w.count(...names);
    w.state.isSilent = (uri) => uri === 'https://d0.test/';
    // All are due when it begins.
    await w.until(day, FIRST_MS + SPREAD_MS);
    w.process('a');
    await w.clock.advance(SILENT_MS / 2);
    expect(w.sent).toHaveLength(2 * names.length - 1);
  });

  it('RFC 8460 §4.1: come to one receiver at other times from each fleet and source', async () => {
    const others: Partial<Who>[] = [{}, { hostname: 'mx.theirs.test' }, { source: 'mail/mta/mta-1' }];
    const times = others.map(async (identity) => {
      const w = open({ 'd.test': () => rua(MAIL) }, identity);
      const day = await w.count('d.test');
      w.process('a');
      await w.until(day, FIRST_MS + SPREAD_MS + HOUR);
      return w.sent[0]!.at;
    });
    expect(new Set((await Promise.all(times)).map((at) => Math.floor(at / 120_000))).size).toBe(3);
  });

  it('of two days are sent by who began with them, however long silent places take', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `d${i}.test`);
    const w = open({ ...Object.fromEntries(names.map((name) => [name, () => rua(`https://${name}/`)])) });
    const old = await w.count(...names);
    await w.clock.advance(DAY_MS);
    const late = await w.count(...names);
    w.state.isSilent = () => true;
    await w.until(late, FIRST_MS + SPREAD_MS);
    w.process('a');
    // Both days are its own then.
    await w.clock.advance(HOUR / 10);
    w.process('b');
    const claims = () => Promise.all([old, late].map(async (day) => (await w.days.lastClaim(day))!));
    for (let last = await claims(), at = 0; at < HOUR; at += 180_000) {
      await w.clock.advance(180_000);
      const now = await claims();
      for (const [i, { number, claim }] of now.entries()) {
        expect(number).toBe(0);
        expect(claim.beat).toBeGreaterThan(last[i]!.claim.beat);
      }
      last = now;
    }
  });

  it('are not brought in any number to a host that others name, also after a restart, and it is told once', async () => {
    const names = Array.from({ length: MOST_REPORTS + 20 }, (_, i) => `d${i}.test`);
    const w = open({
      ...Object.fromEntries(names.map((name) => [name, () => rua(`https://victim.test/${name}`)])),
      'honest.test': () => rua(MAIL),
    });
    const day = await w.count(...names, 'honest.test');
    const first = w.process('a');
    await w.until(day, FIRST_MS + SPREAD_MS / 2);
    await first.stop();
    expect([w.sent.length > 50, w.dropped]).toEqual([true, []]);
    w.process('b');
    await w.until(day, FIRST_MS + SPREAD_MS + HOUR);
    const hosts = w.sent.map(({ uri }) => uri.split('/')[2] ?? uri);
    expect(hosts.filter((host) => host === 'victim.test')).toHaveLength(MOST_REPORTS);
    expect(hosts).toContain(MAIL);
    expect(w.dropped).toEqual([`${day} victim.test`]);
    expect(await w.days.isFinished(day)).toBe(true);
  });

  it('go out beside a day that can not be read or removed', async () => {
    const w = open({ 'd.test': () => rua(MAIL) });
    const removed = await w.count('d.test');
    await w.clock.advance(3 * DAY_MS);
    const unreadable = await w.count('d.test');
    await w.clock.advance(DAY_MS);
    const day = await w.count('d.test');
    w.disk.inject = ({ path }) =>
      [removed, unreadable].some((each) => path.includes(each))
        ? Object.assign(new Error('EIO'), { code: 'EIO' })
        : undefined;
    w.process('a');
    await w.until(day, FIRST_MS + SPREAD_MS + HOUR);
    expect(w.sent.map(({ report }) => report.day)).toEqual([day]);
    expect(w.errors).toContainEqual(expect.objectContaining({ code: 'EIO' }));
  });

  it.each([1, 4, -4])('are let be while the wall clock is not to be trusted: %i days off', async (jump) => {
    const w = open({ 'd.test': () => rua(MAIL) });
    const day = await w.count('d.test');
    w.process('a');
    await w.clock.advance(120_000);
    w.state.jumpMs = jump * DAY_MS;
    await w.clock.advance(6 * HOUR);
    expect([w.sent, await w.days.list()]).toEqual([[], [day]]);
    expect(await w.days.isFinished(day)).toBe(false);
    w.state.jumpMs = 0;
    await w.until(day, FIRST_MS + SPREAD_MS + HOUR);
    expect(w.sent.map(({ report }) => report.day)).toEqual([day]);
  });

  it('of a day are let be in the middle when the wall clock jumps', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `d${i}.test`);
    const w = open(Object.fromEntries(names.map((name) => [name, () => rua(`https://${name}/`)])));
    const day = await w.count(...names);
    w.state.isSilent = () => true;
    await w.until(day, FIRST_MS + SPREAD_MS);
    w.process('a');
    await w.clock.advance(SILENT_MS / 2);
    const { length } = w.asked;
    expect(length).toBeGreaterThan(0);
    w.state.jumpMs = DAY_MS;
    await w.clock.advance(HOUR);
    expect(w.asked).toHaveLength(length);
  });
});
