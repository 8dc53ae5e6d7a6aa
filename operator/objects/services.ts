/** Services of a fleet: where mail comes in, and how pods find each other. Pure. */
import type { Service, ServicePort } from '../kube/types.ts';
import { type Fleet, listenerPortName, metadataOf, names, POD_PORTS, selectorOf } from './fleet.ts';

type Listener = Fleet['spec']['listeners'][number];

/** The port at which the world expects such a listener (RFC 5321 §4.5.4.2, RFC 6409 §3.1, RFC 8314 §3.3, RFC 2645 §3). */
function standardPort({ role, tls }: Listener): number {
  if (role === 'ODMR') return 366;
  if (role === 'SMTP') return 25;
  return tls.mode === 'Implicit' ? 465 : 587;
}

/**
 * Each listener at its standard port. Where two have the same, the first one in the list has it, and the other one the port that it
 * listens on.
 */
export function servicePorts(listeners: readonly Listener[]): ServicePort[] {
  const taken = new Set<number>();
  return listeners.map((listener) => {
    const standard = standardPort(listener);
    const port = taken.has(standard) ? listener.port : standard;
    taken.add(port);
    return { name: listenerPortName(listener), port, targetPort: listener.port, protocol: 'TCP' };
  });
}

export function mailService(fleet: Fleet): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(fleet, names.service(fleet)),
    spec: { type: 'ClusterIP', selector: selectorOf(fleet), ports: servicePorts(fleet.spec.listeners) },
  };
}

/** Pods that are not ready are found too: one that starts takes part in the fleet's limits, one that leaves hands its mail over. */
export function podsService(fleet: Fleet): Service {
  const { control, peers } = POD_PORTS;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(fleet, names.pods(fleet)),
    spec: {
      ...{ clusterIP: 'None', publishNotReadyAddresses: true, selector: selectorOf(fleet) },
      ports: [
        { name: 'control', port: control, targetPort: control, protocol: 'TCP' },
        { name: 'peers', port: peers, targetPort: peers, protocol: 'TCP' },
      ],
    },
  };
}
