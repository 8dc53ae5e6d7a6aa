import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { systemRandom } from '../random.ts';
import { openMailLog, openRedact } from './open.ts';
import { searchHistory } from './search.ts';
import type { AttemptEvent } from './types.ts';

let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postrider-log-'));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = (change: { redactAddresses?: boolean; historyDays?: number; historyPath?: string }) => ({
  level: 'error' as const,
  redactAddresses: false,
  historyPath: join(folder, 'history'),
  historyDays: 7,
  ...change,
});

const open = (change: Parameters<typeof config>[0]) =>
  openMailLog({
    config: config(change),
    destination: { write: (line) => void lines.push(line), dropped: 0, flush: async () => {} },
    writer: 'worker-1',
    clock: systemClock,
    random: systemRandom,
    onHistoryError: (error) => {
      throw error;
    },
  });

const ended: AttemptEvent & { outcome: 'delivered' } = {
  id: 'a1b2-7',
  from: 'anna@example.test',
  to: 'ben@example.org',
  destination: 'mx:example.org',
  reply: { code: 250, enhanced: '2.0.0', text: 'Ok' },
  delay: 3,
  attempts: 1,
  outcome: 'delivered',
};

describe('openMailLog', () => {
  it('keeps a redacted history that is found by the address, after a restart too', async () => {
    for (let start = 0; start < 2; start++) {
      const log = await open({ redactAddresses: true });
      log.ended(ended);
      await log.close();
    }
    const redact = await openRedact(config({ redactAddresses: true }), systemRandom);
    const query = { to: 'Ben@example.org', limit: 10 };
    const found = await Array.fromAsync(searchHistory(join(folder, 'history'), query, redact));
    expect(found).toHaveLength(2);
    expect(JSON.stringify(found) + lines.join('')).not.toMatch(/anna|ben@/i);
  });

  it('keeps none for 0 days, and removes what there was', async () => {
    const before = await open({});
    before.ended(ended);
    await before.close();
    const stale = join(folder, 'history', '2020-01-01.worker-1.jsonl');
    writeFileSync(stale, '');
    const log = await open({ historyDays: 0 });
    log.ended(ended);
    await log.close();
    expect(readdirSync(join(folder, 'history'))).not.toContain('2020-01-01.worker-1.jsonl');
    expect(lines).toHaveLength(2);
  });

  it('takes what another config says while it is written to', async () => {
    const log = await open({ historyDays: 0 });
    log.ended(ended);
    const change = await log.prepare(config({ redactAddresses: true }));
    log.ended(ended);
    change();
    log.ended(ended);
    await log.close();
    expect(lines.map((line) => line.includes('anna'))).toEqual([true, true, false]);
    const everything = { limit: 10 };
    const found = await Array.fromAsync(searchHistory(join(folder, 'history'), everything, (each) => each));
    expect(found).toHaveLength(1);
    expect(JSON.stringify(found)).not.toContain('anna');
  });

  it('says that the folder can’t be used, and what to do', async () => {
    const historyPath = join(folder, 'a-file');
    writeFileSync(historyPath, '');
    for (const redactAddresses of [true, false]) {
      await expect(open({ historyPath, redactAddresses })).rejects.toMatchObject({
        code: 'HistoryUnusable',
        message: expect.stringContaining(historyPath),
        hint: expect.any(String),
      });
    }
  });
});
