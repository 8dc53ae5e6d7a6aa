/**
 * The network of a cluster, as this machine sees it: a bridge, on which each node has an interface, and routes to the pods
 * and Services behind them. Tests reach all of them directly. It all goes with the bridge and the nodes.
 */
import { runOk } from '../../support/processes.ts';
import type { NodePlaces, Places } from './places.ts';

const ip = (...args: readonly string[]) => runOk('ip', args);

export async function makeBridge({ bridge, gateway }: Places): Promise<void> {
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('address', 'add', `${gateway}/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
}

/** @param pid first process of the node: what it sees of the network is its own */
export async function connectNode({ bridge }: Places, node: NodePlaces, pid: number): Promise<void> {
  await ip('link', 'add', node.link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${pid}`);
  await ip('link', 'set', node.link, 'master', bridge, 'up');
  await ip('route', 'replace', node.pods, 'via', node.address);
}

/** A Service's address is translated by the node that the packet comes through. */
export async function routeServices({ services }: Places, through: NodePlaces): Promise<void> {
  await ip('route', 'replace', services, 'via', through.address);
}
