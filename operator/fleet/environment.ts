/** What compile has to know of a pod. Pure. */
import type { Environment } from '../compile/types.ts';
import { POD_PATHS, POD_PORTS } from '../objects/fleet.ts';

/** All addresses: a Service has no other way in. */
const EVERYWHERE = '0.0.0.0';

export function podEnvironment(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  verifierFor: Environment['verifierFor'],
): Environment {
  const { control, health, peers } = POD_PORTS;
  return {
    ...{ queuePath: POD_PATHS.queue, historyPath: POD_PATHS.history, listenAddress: EVERYWHERE, verifierFor },
    health: { address: EVERYWHERE, port: health },
    control: { address: EVERYWHERE, port: control },
    // Relative to the cluster's domain, whatever that is: the resolver of the pod completes it.
    peers: { address: EVERYWHERE, port: peers, name: `${name}-pods.${namespace}.svc` },
  };
}
