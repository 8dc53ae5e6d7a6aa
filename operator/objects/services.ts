/** Services of a fleet: where mail comes in, and how pods find each other. Pure. */
import type { ServiceSpec } from '../../crds/mta-service.ts';
import type { Service, ServicePort } from '../kube/types.ts';
import {
  type Fleet,
  listenerPortName,
  metadataOf,
  metadataWith,
  names,
  POD_PORTS,
  selectorOf,
} from './fleet.ts';
import { withPrefix } from './networks.ts';

type Listener = Fleet['spec']['listeners'][number];

/**
 * The port at which the world expects such a listener (RFC 5321 §4.5.4.2, RFC 6409 §3.1, RFC 8314 §3.3, RFC 2645 §3). LMTP has none of its
 * own; 24 is any private mail system's, where Postfix and others have it.
 */
function standardPort({ role, tls }: Listener): number {
  if (role === 'ODMR') return 366;
  if (role === 'SMTP') return 25;
  if (role === 'LMTP') return 24;
  return tls.mode === 'Implicit' ? 465 : 587;
}

/** A listener in a Service, and what the MTA says of it there. */
export interface Exposed {
  readonly listener: Listener;
  readonly port?: number | undefined;
  readonly nodePort?: number | undefined;
}

/**
 * Each listener at the port that it was given, or else at its standard port. Where two have the same, the first one in the list has it,
 * and the other one the port that it listens on.
 */
export function servicePorts(exposed: readonly Exposed[]): ServicePort[] {
  const taken = new Set(exposed.flatMap(({ port }) => port ?? []));
  return exposed.map(({ listener, port: given, nodePort }) => {
    const standard = standardPort(listener);
    const port = given ?? (taken.has(standard) ? listener.port : standard);
    taken.add(port);
    return {
      ...{ name: listenerPortName(listener), port, targetPort: listener.port, protocol: 'TCP' },
      ...(nodePort !== undefined && { nodePort }),
    };
  });
}

/** Where the world asks for policies (RFC 8461 §3.3): at 443, and nowhere else. */
const webPorts = ({ spec: { web } }: Fleet): ServicePort[] =>
  web === undefined ? [] : [{ name: 'web', port: 443, targetPort: web.port, protocol: 'TCP' }];

/** Those that the MTA names; where it names none, one for everything. */
export function mailServices(fleet: Fleet): Service[] {
  const { services, listeners } = fleet.spec;
  if (services.length > 0) return services.map((service) => namedService(fleet, service));
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadataOf(fleet, names.service(fleet)),
      spec: {
        ...{ type: 'ClusterIP', selector: selectorOf(fleet) },
        ports: [...servicePorts(listeners.map((listener) => ({ listener }))), ...webPorts(fleet)],
      },
    },
  ];
}

function namedService(fleet: Fleet, service: ServiceSpec): Service {
  const { type, externalTrafficPolicy, loadBalancerClass, ipFamilyPolicy } = service;
  const { ipFamilies, loadBalancerSourceRanges: ranges } = service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataWith(fleet, names.exposure(fleet, service.name), service),
    spec: {
      ...{ type, selector: selectorOf(fleet) },
      ports: [
        ...servicePorts(exposedBy(fleet, service)),
        ...((service.web ?? service.listeners.length === 0) ? webPorts(fleet) : []),
      ],
      ...(externalTrafficPolicy !== undefined && { externalTrafficPolicy }),
      ...(loadBalancerClass !== undefined && { loadBalancerClass }),
      ...(ranges.length > 0 && { loadBalancerSourceRanges: ranges.map(withPrefix) }),
      ...(ipFamilyPolicy !== undefined && { ipFamilyPolicy }),
      ...(ipFamilies.length > 0 && { ipFamilies: [...ipFamilies] }),
    },
  };
}

/** In the order of the MTA's listeners, whatever the Service's is: ports of a Service don't change places then. */
function exposedBy({ spec }: Fleet, service: ServiceSpec): Exposed[] {
  if (service.listeners.length === 0) return spec.listeners.map((listener) => ({ listener }));
  return spec.listeners.flatMap((listener) => {
    const exposed = service.listeners.find(({ name }) => name === listener.name);
    return exposed === undefined ? [] : [{ listener, port: exposed.port, nodePort: exposed.nodePort }];
  });
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
