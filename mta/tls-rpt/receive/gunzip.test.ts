import { createGzip, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inflated, isGzip } from './gunzip.ts';
import { ReportRefusal } from './refusal.ts';

const MOST = 1024 * 1024;

/** Zeros, without ever having them in memory. */
async function bomb(bytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  const block = Buffer.alloc(1024 * 1024);
  for (let left = bytes; left > 0; left -= block.length) {
    if (!gzip.write(block)) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  const ended = new Promise((resolve) => gzip.once('end', resolve));
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

describe('gzip', () => {
  it('is inflated up to a size', async () => {
    expect(await inflated(gzipSync(Buffer.alloc(MOST, 'a')), MOST)).toHaveLength(MOST);
    await expect(inflated(gzipSync(Buffer.alloc(MOST + 1, 'a')), MOST)).rejects.toThrow(
      'its gzip holds more than 1048576 bytes',
    );
  });

  it('of a GiB of zeros ends early, in little memory', async () => {
    const bytes = await bomb(1024 ** 3);
    expect(bytes.length).toBeLessThan(2 * 1024 * 1024);
    const before = process.memoryUsage.rss();
    let highest = 0;
    const timer = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage.rss());
    }, 1);
    const began = performance.now();
    const error = await inflated(bytes, 10 * MOST).catch((refusal: unknown) => refusal);
    clearInterval(timer);
    expect((error as ReportRefusal).fault).toBe('tooLarge');
    expect(performance.now() - began).toBeLessThan(5000);
    expect(Math.max(highest, process.memoryUsage.rss()) - before).toBeLessThan(100 * MOST);
  }, 60_000);

  it.each([
    ['truncated', gzipSync('a report').subarray(0, -9)],
    ['of another sum', Buffer.concat([gzipSync('a report').subarray(0, -8), Buffer.alloc(8)])],
    ['nothing but its header', gzipSync('a report').subarray(0, 10)],
    ['garbage behind its header', Buffer.concat([gzipSync('').subarray(0, 10), Buffer.alloc(100, 0xff)])],
  ])('that is %s is damaged', async (_what, bytes) => {
    expect(isGzip(bytes)).toBe(true);
    const error = await inflated(bytes, MOST).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(ReportRefusal);
    expect((error as ReportRefusal).fault).toBe('invalid');
  });

  it('is known by its first octets', () => {
    expect([Buffer.from('{}'), Buffer.alloc(0), Buffer.from([0x1f])].map(isGzip)).toEqual([
      false,
      false,
      false,
    ]);
  });
});
