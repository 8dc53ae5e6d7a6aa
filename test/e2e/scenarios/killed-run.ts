/** A run of the tests that is killed leaves nothing that could not be taken away. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folders.ts';
import { runOk, start } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { MOST_CLUSTERS, placesOf } from '../cluster/places.ts';
import { CGROUPS } from '../cluster/remains.ts';
import type { World } from '../world.ts';

const MAIN = join(import.meta.dirname, '../cluster/main.ts');

export function killedRun(world: () => World): void {
  it('what it left is found and taken away, and another cluster is left alone', async () => {
    const running = start(process.execPath, [MAIN, 'up'], join(temporaryFolder('killed-run'), 'output.log'));
    await waitFor('its nodes', () => running.output().includes('nodes are ready'), { timeoutMs: 120_000 });
    const places = Array.from({ length: MOST_CLUSTERS }, (_, number) => placesOf(number)).find(
      ({ owner }) => existsSync(owner) && readFileSync(owner, 'utf8').startsWith(`${running.pid} `),
    )!;
    await running.kill9();
    expect(existsSync(`/sys/class/net/${places.bridge}`)).toBe(true);

    await runOk(process.execPath, [MAIN, 'down'], { timeoutMs: 120_000 });
    expect(existsSync(places.folder)).toBe(false);
    const links = [places.bridge, ...places.nodes.map(({ link }) => link)];
    expect(readdirSync('/sys/class/net').filter((name) => links.includes(name))).toEqual([]);
    for (const hierarchy of readdirSync(CGROUPS)) {
      for (const { cgroup } of places.nodes) expect(existsSync(join(CGROUPS, hierarchy, cgroup))).toBe(false);
    }
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(places.folder);
    expect(processesNaming(`${places.folder}/`)).toEqual([]);
    expect(await world().cluster.kubectl('get', 'nodes', '--output=name')).toBe('node/node1\nnode/node2\n');
  });
}

function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}
