import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lives, processId, takeLock } from './lock.ts';

let folder: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(folder, 'up.lock');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function sleeper(): ChildProcess {
  const child = spawn('sleep', ['60']);
  children.push(child);
  return child;
}

describe('the lock of a state folder', () => {
  it('is refused while its holder lives, and free after', () => {
    const lock = takeLock(path);
    expect(() => takeLock(path)).toThrow(`postrider up (pid ${process.pid}) is running`);
    lock.release();
    takeLock(path).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken from a process that has ended, whose mta may still be there', async () => {
    const gone = sleeper();
    const holder = processId(gone.pid!);
    gone.kill('SIGKILL');
    await once(gone, 'exit');
    const orphan = sleeper();
    writeFileSync(path, JSON.stringify({ ...holder, mta: processId(orphan.pid!) }));
    const lock = takeLock(path);
    expect(lock.orphan?.pid).toBe(orphan.pid);
    lock.noteMta(orphan.pid);
    expect(() => takeLock(path)).toThrow('is running');
    lock.release();
  });

  it.runIf(existsSync('/proc/self/stat'))('is taken from a pid that was used again', () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, began: '1' }));
    expect(takeLock(path).orphan).toBeUndefined();
  });

  it.runIf(existsSync('/proc/self/stat'))('is taken from a process that nobody reaps', async () => {
    // What the shell left behind has a parent that never waits for it.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(parent);
    const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
    const pid = Number(line.toString());
    await expect.poll(() => lives({ pid })).toBe(false);
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
  });

  it('is taken where the file makes no sense', () => {
    writeFileSync(path, 'torn');
    expect(takeLock(path).orphan).toBeUndefined();
    expect(lives({ pid: 0 })).toBe(false);
  });
});
