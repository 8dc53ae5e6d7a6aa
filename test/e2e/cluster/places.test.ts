import { BlockList } from 'node:net';
import { expect, it } from 'vitest';
import { MOST_CLUSTERS, placesOf } from './places.ts';

const all = Array.from({ length: MOST_CLUSTERS }, (_, number) => placesOf(number));

it('no two clusters have anything in common', () => {
  const names = all.flatMap(({ folder, bridge, nodes }) => [
    ...[folder, bridge],
    ...nodes.flatMap((node) => [node.folder, node.link, node.cgroup]),
  ]);
  expect(new Set(names).size).toBe(names.length);
  const networks = all.flatMap(({ network, services, pods }) => [network, services, pods]);
  for (const network of networks) {
    const [address, prefix] = network.split('/') as [string, string];
    const block = new BlockList();
    block.addSubnet(address, Number(prefix));
    const inside = networks.filter((other) => block.check(other.split('/')[0]!));
    expect(inside).toEqual([network]);
  }
});

it('names of network interfaces are as short as the kernel wants them, and each address is in its network', () => {
  for (const { bridge, nodes, network, gateway, services, dns, pods } of all) {
    for (const name of [bridge, ...nodes.map(({ link }) => link)]) expect(name.length).toBeLessThan(16);
    const holds = (cidr: string, address: string) => {
      const [first, prefix] = cidr.split('/') as [string, string];
      const block = new BlockList();
      block.addSubnet(first, Number(prefix));
      return block.check(address);
    };
    expect(holds(network, gateway)).toBe(true);
    expect(holds(services, dns)).toBe(true);
    for (const node of nodes) {
      expect(holds(network, node.address)).toBe(true);
      expect(holds(pods, node.pods.split('/')[0]!)).toBe(true);
    }
  }
});
