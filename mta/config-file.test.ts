import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../test/support/config.ts';
import { temporaryFolder } from '../test/support/folders.ts';
import { awaitConfig, readConfig } from './config-file.ts';
import { splitConfig } from './config-parts.ts';
import type { PostriderError } from './errors.ts';
import { settleDown, TestClock } from './testing/test-clock.ts';

const config = testConfig('/somewhere', { smtp: 1, submission: 2, health: 3, control: 4 }, { revision: 7 });
let folder: string;

beforeEach(() => {
  folder = temporaryFolder('config');
});

const write = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

function writeParts(): void {
  const { config: maps, secrets } = splitConfig(config, 200);
  for (const files of [...maps, ...secrets]) {
    for (const [name, content] of Object.entries(files)) write(name, content);
  }
}

describe('the config', () => {
  it('is a document in a file', () => {
    expect(readConfig(write('config.json', JSON.stringify(config)))).toEqual(config);
  });

  it('or pieces in a folder', () => {
    writeParts();
    expect(readConfig(folder)).toEqual(config);
  });

  it.each([
    ['a file that is not JSON', () => write('broken', '{'), 'is not JSON'],
    ['a file that is not there', () => join(folder, 'nothing'), "can't read"],
    ['a document that is no config', () => write('other', '{}'), 'config is not valid'],
  ])('is refused where it is %s', (_what, path, says) => {
    expect(() => readConfig(path())).toThrow(
      expect.objectContaining({ code: 'ConfigInvalid', message: expect.stringContaining(says) }),
    );
  });
});

describe('a process that starts', () => {
  it('waits for a piece that is on its way, and says so once', async () => {
    const clock = new TestClock();
    writeParts();
    rmSync(join(folder, 'secrets.json'));
    const said: PostriderError[] = [];
    const reading = awaitConfig(folder, clock, (error) => said.push(error));
    await clock.advance(60_000);
    expect(said.map(({ message }) => message)).toEqual(['there is no secrets.json']);
    writeParts();
    await clock.advance(1000);
    expect(await reading).toEqual(config);
  });

  it('gives up after three minutes', async () => {
    const clock = new TestClock();
    const over = expect(awaitConfig(folder, clock, () => undefined)).rejects.toThrow(
      'there is no config.json',
    );
    await clock.advance(181_000);
    await over;
  });

  it('does not wait for what will not mend itself', async () => {
    const path = write('broken', '{');
    const reading = awaitConfig(path, new TestClock(), () => undefined).catch(({ code }) => code);
    await settleDown();
    expect(await reading).toBe('ConfigInvalid');
  });
});
