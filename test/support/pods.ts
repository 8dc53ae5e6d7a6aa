/** Pods of one fleet as real processes, which know each other by a list and reach each other over TLS. */
import { memberHost } from '../../mta/fleet/hosts.ts';
import { certificateAuthority } from './authority.ts';
import { type Mta, type MtaOptions, startMta } from './mta.ts';
import { freePort } from './ports.ts';
import { waitFor } from './wait.ts';

/** Of every config here. */
const FLEET = { namespace: 'test', name: 'test' };

export interface FleetView {
  readonly members: readonly { readonly name: string; readonly live: boolean }[];
  readonly budgets: readonly { readonly id: string; readonly tokens: number }[];
}

export const fleetView = async (mta: Mta) => (await mta.control('/v1/fleet')) as FleetView;

/**
 * Starts `mta-0`, `mta-1`, … and resolves when each of them hears all others. Where one does not start, none goes on.
 *
 * @param optionsOf what is the pod's own, by its number
 */
export async function startPods(
  count: number,
  optionsOf: (n: number) => Omit<MtaOptions, 'args'>,
): Promise<Mta[]> {
  const authority = await certificateAuthority();
  const list = await Promise.all(
    Array.from({ length: count }, async (_, n) => ({
      ...{ name: `mta-${n}`, host: '127.0.0.1', port: await freePort() },
    })),
  );
  const starting = list.map(async ({ name, port }, n) => {
    const { config, ...options } = optionsOf(n);
    const identity = await authority.issue(memberHost(name, FLEET));
    return startMta({
      ...options,
      args: ['--name', name, '--identity', identity],
      config: (folder, ports) => ({
        peers: { address: '127.0.0.1', port, members: { source: 'list', list } },
        ...config?.(folder, ports),
      }),
    });
  });
  try {
    const pods = await Promise.all(starting);
    for (const pod of pods) {
      await waitFor(
        'the members to hear each other',
        async () => (await fleetView(pod)).members.filter(({ live }) => live).length === count - 1,
        { timeoutMs: 60_000 },
      );
    }
    return pods;
  } catch (error) {
    for (const started of await Promise.allSettled(starting)) {
      if (started.status === 'fulfilled') await started.value.kill9();
    }
    throw error;
  }
}
