/** As whom we appear to a next hop, on the wire: the name in EHLO, and the address. */
import { describe, expect, it } from 'vitest';
import { heloName } from '../helo.ts';
import { testConfig } from '../route/testing/config.ts';
import { hopTo, send } from './testing/send.ts';
import { usePeers } from './testing/use-peers.ts';

const { peerOf, pool } = usePeers();

// All of 127.0.0.0/8 is ours on loopback, whether an interface lists it or not.
const interfaces = () => ['127.0.0.1', '127.0.0.17', '::1'];
const from = (...sourceNetworks: string[]) =>
  pool(10, {}, { egress: { allow: [], sourceNetworks }, interfaces });

describe('the name in EHLO', () => {
  it("is the fleet's", async () => {
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port));
    expect(peer.lines[0]).toBe('EHLO mx.ours.test');
  });

  it('is that of the pod, where each has its own', async () => {
    const peer = await peerOf();
    const egress = { allow: [], hostname: 'mx{ordinal}.out.test' };
    const hostname = () => heloName({ ...testConfig(), egress }, 'mta-3');
    await send(pool(10, {}, { egress, hostname }), hopTo(peer.port));
    expect(peer.lines[0]).toBe('EHLO mx3.out.test');
  });
});

describe('the address that a connection comes from', () => {
  it('is whatever the system takes', async () => {
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port));
    expect(peer.from).toEqual(['127.0.0.1']);
  });

  it('is the one of the networks that config names', async () => {
    const peer = await peerOf();
    await send(from('192.0.2.0/24', '127.0.0.16/28'), hopTo(peer.port));
    expect(peer.from).toEqual(['127.0.0.17']);
  });

  it('is any for the target of a domain of ours, and the two share no connection', async () => {
    const peer = await peerOf();
    const sessions = from('127.0.0.17');
    await send(sessions, hopTo(peer.port));
    await send(sessions, hopTo(peer.port, { isOwnTarget: true }));
    expect(peer.from).toEqual(['127.0.0.17', '127.0.0.1']);
  });

  it('must be there: nothing is sent from another one', async () => {
    const peer = await peerOf();
    const failed = send(from('192.0.2.0/24', '2001:db8::/32'), hopTo(peer.port));
    await expect(failed).rejects.toMatchObject({
      ...{ code: 451, enhanced: '4.4.1' },
      message: expect.stringContaining(
        'we have no IPv4 address in egress.sourceNetworks (192.0.2.0/24, 2001:db8::/32)',
      ),
    });
    expect(peer.connections()).toBe(0);
  });
});
