/** That a fleet has become what its resources say: the pods, what they would start with, and every status; and that nothing is written any more. */
import { expect } from 'vitest';
import { joinConfig } from '../../../mta/config-parts.ts';
import type { SecretObject } from '../../../operator/controllers/watched.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { CONFIG_MAPS, SECRETS } from '../../../operator/kube/resources.ts';
import { waitFor } from '../../support/wait.ts';
import { LARGE_FLEET, type LargeFleet } from './large-fleet.ts';
import { writesBetween, writesSoFar } from './writes.ts';

const SETTLED_MS = 90_000;
const QUIET_MS = 2000;

/** Waits for it. Rejects with what is lacking. */
export async function settled(fleet: LargeFleet): Promise<void> {
  const found = () => ({
    lacking: fleet.lacking(),
    pods: fleet.pods.map((pod) => differences(fleet, pod.config?.resources)),
  });
  try {
    await waitFor(
      'the fleet to be settled',
      () => {
        const { lacking, pods } = found();
        return lacking.length === 0 && pods.every((each) => each.length === 0);
      },
      { timeoutMs: SETTLED_MS },
    );
  } catch (error) {
    throw new Error(JSON.stringify(found()), { cause: error });
  }
  await nothingIsWritten(fleet);
  const [first, ...others] = fleet.pods.map(({ config }) => config!);
  for (const other of others) expect(other).toEqual(first);
  expect(await stored(fleet)).toEqual(first);
  expect(fleet.lacking()).toEqual([]);
}

/** Resources that a config has with another generation than they are of, or not at all. */
function differences(fleet: LargeFleet, resources: Readonly<Record<string, number>> = {}): string[] {
  const wanted = fleet.generations();
  return [...new Set([...Object.keys(resources), ...Object.keys(wanted)])].filter(
    (id) => resources[id] !== wanted[id],
  );
}

/** For a while: whoever would write once too often has had the time. */
export async function nothingIsWritten({ plane }: LargeFleet): Promise<void> {
  const ask = plane.transport();
  let [before, since] = [await writesSoFar(ask), performance.now()];
  await waitFor(
    'nothing to be written any more',
    async () => {
      const now = await writesSoFar(ask);
      if (Object.keys(writesBetween(before, now)).length > 0) [before, since] = [now, performance.now()];
      return performance.now() - since > QUIET_MS;
    },
    { timeoutMs: SETTLED_MS, everyMs: 100 },
  );
}

/** The config that a pod would start with. */
async function stored({ client }: LargeFleet): Promise<unknown> {
  const { namespace, name } = LARGE_FLEET;
  const ours = ({ metadata }: KubeObject) => metadata.name.startsWith(`${name}-`);
  const maps = await client.list<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, { namespace });
  const secrets = await client.list<SecretObject>(SECRETS, { namespace });
  const files = new Map([
    ...maps.items.filter(ours).flatMap(({ data = {} }) => Object.entries(data)),
    ...secrets.items
      .filter(ours)
      .flatMap(({ data = {} }) => Object.entries(data))
      .map(([file, value]) => [file, Buffer.from(value, 'base64').toString()] as const),
  ]);
  return joinConfig((file) => files.get(file));
}
