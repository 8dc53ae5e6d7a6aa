import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import { systemRandom } from '../../mta/random.ts';
import { actCommand } from './act.ts';

const state = mkdtempSync(join(tmpdir(), 'act-'));
let changed = 0;
const server = createServer((_, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ changed }));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(join(state, 'config.json'), JSON.stringify({ control: { address: '127.0.0.1', port } }));
  writeFileSync(join(state, 'control-token'), 'token\n');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(state, { recursive: true });
});

async function run(action: 'retry' | 'release'): Promise<{ lines: string[]; failed: boolean }> {
  const lines: string[] = [];
  let failed = false;
  const command = actCommand(action, {
    self: 'postrider',
    write: (line) => lines.push(line),
    writeRaw: () => undefined,
    complain: () => undefined,
    fail: () => {
      failed = true;
    },
    signals: () => ({ stop: new AbortController().signal, kill: new AbortController().signal }),
    clock: systemClock,
    random: systemRandom,
  });
  await command.parseAsync(['lane-1', '--state', state], { from: 'user' });
  return { lines, failed };
}

it('a retry that changes nothing says what held messages need', async () => {
  changed = 0;
  const { lines, failed } = await run('retry');
  expect(lines[0]).toBe('0 messages to be tried now');
  expect(lines[1]).toContain('`postrider release`');
  expect(failed).toBe(true);
});

it('an action that changes something says how much, and no more', async () => {
  changed = 2;
  expect(await run('retry')).toEqual({ lines: ['2 messages to be tried now'], failed: false });
});
