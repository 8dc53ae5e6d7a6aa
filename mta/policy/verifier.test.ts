import { describe, expect, it } from 'vitest';
import { systemRandom } from '../random.ts';
import { hashPassword, type PhcHash, parsePhc } from './phc.ts';
import { createVerifier } from './verifier.ts';

function setUp() {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now, after: () => () => {}, soon: setImmediate };
  return { verifier: createVerifier({ clock, random: systemRandom }), pass: (ms: number) => (now += ms) };
}

async function verifierOf(password: string): Promise<PhcHash> {
  return parsePhc(await hashPassword(password, systemRandom.bytes(16)));
}

async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe('Verifier', () => {
  it('knows right from wrong, again and again', async () => {
    const { verifier } = setUp();
    const phc = await verifierOf('secret');
    for (let i = 0; i < 2; i += 1) {
      expect(await verifier.verify('secret', phc)).toBe(true);
      expect(await verifier.verify('other', phc)).toBe(false);
    }
  });

  it('remembers a success for five minutes, for this verifier alone', async () => {
    const { verifier, pass } = setUp();
    const phc = await verifierOf('secret');
    const first = await cpuMs(() => verifier.verify('secret', phc));
    expect(await cpuMs(() => verifier.verify('secret', phc))).toBeLessThan(first / 4);
    pass(5 * 60_000 + 1);
    expect(await cpuMs(() => verifier.verify('secret', phc))).toBeGreaterThan(first / 4);
    expect(await verifier.verify('secret', await verifierOf('changed'))).toBe(false);
  });

  it('does the same work for a user that does not exist', async () => {
    const { verifier } = setUp();
    const phc = await verifierOf('secret');
    const wrong = await cpuMs(() => verifier.verify('other', phc));
    expect(await cpuMs(() => verifier.verify('other', undefined))).toBeGreaterThan(wrong / 4);
    expect(await verifier.verify('', undefined)).toBe(false);
  });

  it('answers 454 when too many wait, and everybody else all the same', async () => {
    const { verifier } = setUp();
    // N=2: many checks in little time
    const phc = { logN: 1, r: 1, p: 1, salt: Buffer.alloc(8), hash: Buffer.alloc(32) };
    const all = await Promise.allSettled(Array.from({ length: 300 }, () => verifier.verify('x', phc)));
    const refused = all.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(98);
    expect(refused[0]!.reason).toMatchObject({ code: 454, enhanced: '4.7.0' });
    expect(await verifier.verify('x', phc)).toBe(false);
  });
});
