/**
 * Where a cluster is: several may be on one machine, and each has a number, from which its folder, its addresses and the names
 * of what it makes on the machine follow. So all of it is found from the number alone. Pure.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How many there may be at a time. */
export const MOST_CLUSTERS = 16;

export interface NodePlaces {
  readonly name: 'node1' | 'node2';
  readonly folder: string;
  readonly address: string;
  /** Addresses of its pods. */
  readonly pods: string;
  /** Its network interface, as the machine sees it. */
  readonly link: string;
  /** In each hierarchy. */
  readonly cgroup: string;
}

export interface Places {
  readonly number: number;
  readonly folder: string;
  /** Who looks after it: a process, and when that was started. */
  readonly owner: string;
  readonly logs: string;
  readonly bridge: string;
  /** Of the machine itself, on the bridge: the control plane, the storage and the tests' servers are there. */
  readonly gateway: string;
  /** The machine and the nodes. */
  readonly network: string;
  readonly services: string;
  readonly dns: string;
  /** All pods of all nodes. */
  readonly pods: string;
  readonly nodes: readonly NodePlaces[];
}

export function placesOf(number: number): Places {
  const folder = join(tmpdir(), `postrider-cluster-${number}`);
  const network = `10.251.${number}`;
  const node = (which: 1 | 2): NodePlaces => ({
    name: `node${which}`,
    folder: join(folder, `node${which}`),
    address: `${network}.${10 + which}`,
    pods: `10.252.${4 * number + which}.0/24`,
    link: `prc${number}n${which}`,
    cgroup: `postrider-cluster-${number}-node${which}`,
  });
  return {
    number,
    folder,
    owner: join(folder, 'owner'),
    logs: join(folder, 'logs'),
    bridge: `prc${number}`,
    gateway: `${network}.1`,
    network: `${network}.0/24`,
    services: `10.253.${number}.0/24`,
    dns: `10.253.${number}.10`,
    pods: `10.252.${4 * number}.0/22`,
    nodes: [node(1), node(2)],
  };
}
