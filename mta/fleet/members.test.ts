import { describe, expect, it } from 'vitest';
import type { Peers } from '../config.ts';
import { Members } from './members.ts';

const behind = (name: string): Peers => ({
  address: '127.0.0.1',
  port: 1,
  members: { source: 'dns', name, port: 2590 },
});

function world(self = 'a') {
  const addresses: string[] = [];
  const names = new Map<string, string>();
  const asked: string[] = [];
  const members = new Members(behind('peers.test'), {
    self,
    lookup: async () => [...addresses],
    async hello({ host }) {
      asked.push(host);
      const name = names.get(host);
      if (name === undefined) throw new Error('nobody');
      return name;
    },
  });
  return { addresses, names, asked, members };
}

describe('members', () => {
  it('are those that the config lists', () => {
    const list = [
      { name: 'a', host: '192.0.2.1', port: 1 },
      { name: 'b', host: 'b.test', port: 2 },
    ];
    const peers: Peers = { address: '127.0.0.1', port: 1, members: { source: 'list', list } };
    const members = new Members(peers, { self: 'a', lookup: async () => [], hello: async () => 'x' });
    expect(members.names()).toEqual(['a', 'b']);
    expect(members.where('b')).toMatchObject({ host: 'b.test', port: 2 });
    expect(members.where('c')).toBeUndefined();
  });

  it('behind a name say who they are; whoever is silent counts by its address', async () => {
    const { addresses, names, members } = world();
    addresses.push('192.0.2.1', '192.0.2.2', '192.0.2.3');
    names.set('192.0.2.1', 'a').set('192.0.2.2', 'b');
    await members.refresh(() => false);
    expect(members.names()).toEqual(['?192.0.2.3', 'a', 'b']);
    expect(members.where('b')).toEqual({ host: '192.0.2.2', port: 2590 });
  });

  it('are asked again where they are not live, and leave with their address', async () => {
    const { addresses, names, asked, members } = world();
    addresses.push('192.0.2.2', '192.0.2.3');
    names.set('192.0.2.2', 'b').set('192.0.2.3', 'c');
    await members.refresh(() => false);
    names.set('192.0.2.3', 'd');
    asked.length = 0;
    await members.refresh((name) => name === 'b');
    expect(asked).toEqual(['192.0.2.3']);
    expect(members.names()).toEqual(['a', 'b', 'd']);
    addresses.pop();
    await members.refresh(() => true);
    expect(members.names()).toEqual(['a', 'b']);
  });

  it('that answered before and are silent now keep their name', async () => {
    const { addresses, names, members } = world();
    addresses.push('192.0.2.2');
    names.set('192.0.2.2', 'b');
    await members.refresh(() => false);
    names.clear();
    await members.refresh(() => false);
    expect(members.names()).toEqual(['a', 'b']);
  });
});
