/** What keeps the mta from starting is said in words that help, and ends it with an exit code that is not 0. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { MtaConfig } from '../../mta/config.ts';
import { listener, type Ports, testConfig } from '../support/config.ts';
import { describeWith } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { run, runOk } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

const running: Mta[] = [];
afterEach(async () => {
  for (const mta of running.splice(0)) await mta.kill9();
});

async function failsToStart(config: (folder: string, ports: Ports) => Partial<MtaConfig>): Promise<string> {
  const mta = await startMta({ wait: false, config });
  running.push(mta);
  await waitFor('the mta to end', () => mta.running.ended() !== undefined, { timeoutMs: 15_000 });
  expect(mta.running.ended()).toEqual(expect.any(Number));
  expect(mta.running.ended()).not.toBe(0);
  return mta.output();
}

describe('a port in use', () => {
  let holder: Server | undefined;
  afterEach(async () => {
    await new Promise((resolve) => (holder === undefined ? resolve(undefined) : holder.close(resolve)));
  });

  it.each(['listener', 'health', 'control'] as const)('of the %s is named', async (which) => {
    const port = await freePort();
    holder = createServer();
    await new Promise<void>((resolve) => holder?.listen(port, '127.0.0.1', resolve));
    const output = await failsToStart((folder, ports) => {
      const config = testConfig(folder, ports);
      if (which === 'listener') return { listeners: [listener(port)] };
      return which === 'health'
        ? { health: { ...config.health, port } }
        : { control: { ...config.control, port } };
    });
    expect(output).toMatch(new RegExp(`127\\.0\\.0\\.1(:| port )${port}`));
    expect(output).toMatch(/is in use|another program listens/i);
  });

  it('is noticed too when another Postrider has it', async () => {
    const first = await startMta();
    running.push(first);
    const output = await failsToStart(() => ({ listeners: [listener(first.ports.smtp)] }));
    expect(output).toMatch(/is in use|another program listens/i);
    expect((await first.health('/readyz')).status).toBe(200);
  });
});

describe('a queue that can not be written', () => {
  it('because a file stands where its folder should', async () => {
    const output = await failsToStart((folder, ports) => {
      writeFileSync(join(folder, 'queue'), 'not a folder');
      return testConfig(folder, ports);
    });
    expect(output).toMatch(/queue's folder \S+\/queue can't be used: .*ENOTDIR/);
  });
});

describeWith(['root', 'mount'], 'a queue on a read-only file system', () => {
  it('is named', async () => {
    const mountPoint = join(temporaryFolder('mounted'), 'mount');
    mkdirSync(mountPoint);
    await runOk('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'postrider-test', mountPoint]);
    try {
      const output = await failsToStart((folder, ports) => ({
        queue: { ...testConfig(folder, ports).queue, path: join(mountPoint, 'queue') },
      }));
      expect(output).toContain(`queue's folder ${mountPoint}/queue can't be used: `);
    } finally {
      await runOk('umount', [mountPoint]);
    }
  });
});

describe('a config', () => {
  const start = async (text: string) => {
    const folder = temporaryFolder('config');
    const file = join(folder, 'config.json');
    writeFileSync(file, text);
    const main = new URL('../../mta/main.ts', import.meta.url).pathname;
    const done = await run(process.execPath, [main, '--config', file], { timeoutMs: 15_000 });
    expect(done.code).not.toBe(0);
    return done.stdout + done.stderr;
  };
  const valid = async () => {
    const ports = { smtp: 1, submission: 2, health: 3, control: 4 };
    return testConfig(temporaryFolder('config'), ports);
  };

  it('that is no JSON', async () => {
    expect(await start('{ "version": ')).toMatch(/config\.json is not JSON/);
  });

  it('with an unknown field', async () => {
    const output = await start(JSON.stringify({ ...(await valid()), wrokers: 3 }));
    expect(output).toMatch(/config is not valid: .*wrokers/);
  });

  it('of a later version', async () => {
    expect(await start(JSON.stringify({ ...(await valid()), version: 99 }))).toMatch(
      /config has version 99, this mta reads 1/,
    );
  });

  it('that is not there', async () => {
    const main = new URL('../../mta/main.ts', import.meta.url).pathname;
    const done = await run(process.execPath, [main, '--config', '/nonexistent/config.json'], {
      timeoutMs: 15_000,
    });
    expect(done.code).not.toBe(0);
    expect(done.stdout + done.stderr).toContain('/nonexistent/config.json');
  });
});
