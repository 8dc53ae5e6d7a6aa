import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { createLogger, logDestination } from './destination.ts';

let folder: string;
let path: string;
let fd: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postrider-log-'));
  path = join(folder, 'log');
  fd = openSync(path, 'a');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const open = (to: number) => logDestination(to, systemClock);

describe('logDestination', () => {
  it('has written every line, in order, once it is flushed', async () => {
    const destination = open(fd);
    const lines = Array.from({ length: 5000 }, (_, i) => `{"line":${i},"é":true}\n`);
    for (const line of lines.slice(0, 4990)) destination.write(line);
    await new Promise(setImmediate);
    for (const line of lines.slice(4990)) destination.write(line);
    await destination.flush();
    expect(readFileSync(path, 'utf8')).toBe(lines.join(''));
    await destination.flush();
    expect(destination.dropped).toBe(0);
  });

  it('writes a few lines without being asked', async () => {
    open(fd).write('line\n');
    await expect.poll(() => readFileSync(path, 'utf8')).toBe('line\n');
  });

  it('drops and counts what a full disk does not take', async () => {
    const full = openSync('/dev/full', 'w');
    const destination = open(full);
    for (let i = 0; i < 100; i++) destination.write(`${'x'.repeat(200)}\n`);
    await destination.flush();
    closeSync(full);
    expect(destination.dropped).toBe(100);
  });

  it('drops and counts what nobody reads, and bounds what waits', async () => {
    const reader = spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const pipe = (reader.stdin as unknown as { _handle: { fd: number } })._handle.fd;
    const destination = open(pipe);
    const line = `${'x'.repeat(1000)}\n`;
    for (let i = 0; i < 20_000; i++) destination.write(line);
    expect(destination.dropped).toBeGreaterThan(2000);
    expect(destination.dropped).toBeLessThan(5000);
    reader.kill();
    await ended(reader);
    await destination.flush();
  });

  it('tears and repeats no line where several processes write to one pipe', async () => {
    const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    const code = `
      const { logDestination } = await import(${module('./destination.ts')});
      const { systemClock } = await import(${module('../clock.ts')});
      const destination = logDestination(1, systemClock);
      for (let i = 0; i < 2000; i++) {
        destination.write(JSON.stringify({ who: process.argv[1], i, pad: 'x'.repeat(i % 700) }) + '\\n');
        if (i % 100 === 0) await new Promise(setImmediate);
      }
      await destination.flush();`;
    // A shell's pipe: node's own stdio would be a socket pair
    const script = [
      '{',
      ...['a', 'b', 'c'].map((who) => `"$NODE" --input-type=module -e "$CODE" ${who} &`),
      'wait; } | { sleep 0.3; cat; } > "$OUT"',
    ].join('\n');
    const out = join(folder, 'out');
    await ended(
      spawn('sh', ['-c', script], {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, CODE: code, OUT: out, NODE: process.execPath },
      }),
    );
    const lines = readFileSync(out, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const who of ['a', 'b', 'c']) {
      const own = lines.filter((line) => line.who === who).map(({ i }) => i);
      expect(own).toEqual(Array.from({ length: 2000 }, (_, i) => i));
    }
  });
});

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
}

describe('createLogger', () => {
  it('writes its level and above, with the name of the process', async () => {
    const destination = open(fd);
    const logger = createLogger('warn', 'worker-1', destination);
    logger.info({ port: 25 }, 'listening');
    logger.error({ port: 25 }, 'port in use');
    await destination.flush();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
      level: 'error',
      name: 'worker-1',
      msg: 'port in use',
      port: 25,
    });
  });
});
