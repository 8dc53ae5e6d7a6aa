import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchManifests } from './watch.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
  writeFileSync(join(folder, 'a.yaml'), 'a: 1');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A clock that moves only when told. */
function manualClock() {
  let next: (() => void) | undefined;
  return {
    now: () => 0,
    monotonic: () => 0,
    after: (_: number, callback: () => void) => {
      next = callback;
      return () => {
        next = undefined;
      };
    },
    soon: setImmediate,
    tick: () => next?.(),
  };
}

describe('watching', () => {
  it.each([
    ['a save in place', () => writeFileSync(join(folder, 'a.yaml'), 'a: 22')],
    [
      'a save by rename',
      () => {
        writeFileSync(join(folder, '.a.yaml.swp'), 'a: 2');
        renameSync(join(folder, '.a.yaml.swp'), join(folder, 'a.yaml'));
      },
    ],
    ['a new file', () => writeFileSync(join(folder, 'b.yaml'), '')],
    ['a removed file', () => rmSync(join(folder, 'a.yaml'))],
    [
      'a file in a new folder',
      () => {
        mkdirSync(join(folder, 'sub'));
        writeFileSync(join(folder, 'sub', 'b.yml'), '');
      },
    ],
    ['the folder itself going away', () => rmSync(folder, { recursive: true })],
  ])('tells %s once, when it has settled', (_, change) => {
    const clock = manualClock();
    let changes = 0;
    const end = watchManifests(folder, clock, () => changes++);
    clock.tick();
    clock.tick();
    expect(changes).toBe(0);
    change();
    clock.tick();
    expect(changes).toBe(0);
    clock.tick();
    clock.tick();
    expect(changes).toBe(1);
    end();
    clock.tick();
  });

  it('ignores what is no manifest', () => {
    const clock = manualClock();
    let changes = 0;
    watchManifests(folder, clock, () => changes++);
    writeFileSync(join(folder, 'notes.txt'), '');
    for (let i = 0; i < 3; i++) clock.tick();
    expect(changes).toBe(0);
  });
});
