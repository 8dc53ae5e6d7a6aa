/**
 * A message's whole way, with raw sockets at both ends: a real listener, the flow over a queue on disk, and next hops on
 * loopback that follow a script. Mail for `sender.test` goes to `inbox`, all other to `peer`. Everything is stopped by
 * `stopRelays`.
 */

import { type Clock, systemClock } from '../../mta/clock.ts';
import type { Domain, Listener, MtaConfig } from '../../mta/config.ts';
import { type Peer, type Script, startPeer } from '../../mta/deliver/testing/peer.ts';
import { hopTo } from '../../mta/deliver/testing/send.ts';
import { createListener, type RunningListener } from '../../mta/listen/listener.ts';
import type { Acceptor } from '../../mta/listen/types.ts';
import type { MailLog } from '../../mta/log/types.ts';
import { systemRandom } from '../../mta/random.ts';
import type { NextHop } from '../../mta/route/types.ts';
import { openWorld, ownDomain, type World, type WorldOptions } from '../../mta/testing/flow-world.ts';
import { LIMITS } from './server.ts';

export interface RelayOptions {
  readonly peer?: Script;
  readonly inbox?: Script;
  /** The host after `peer`, where there is one. */
  readonly other?: Script;
  /** Looks up where mail goes that isn't for `sender.test`; to `peer` and `other` where absent. */
  readonly hops?: WorldOptions['hops'];
  /** How `peer` is reached. */
  readonly hop?: Partial<NextHop>;
  /** Of ours. */
  readonly domains?: readonly (string | Domain)[];
  readonly users?: MtaConfig['users'];
  readonly secrets?: MtaConfig['secrets'];
  /** Of the volume, below which nothing is taken. */
  readonly minFreeBytes?: number;
  readonly protocol?: NextHop['protocol'];
  readonly listener?: Partial<Listener>;
  readonly delivery?: Partial<MtaConfig['delivery']>;
  /** Their next hop is the peer, too. */
  readonly relays?: MtaConfig['relays'];
  readonly world?: Pick<
    WorldOptions,
    'inlineBodyBytes' | 'deliveryClock' | 'seconds' | 'connections' | 'onStsFailure'
  >;
  /** Of the listener's deadlines. */
  readonly clock?: Clock;
  /** What stands between the listener and the flow. */
  readonly acceptor?: (flow: Acceptor) => Acceptor;
}

export interface Relay extends World {
  readonly port: number;
  readonly listener: RunningListener;
  /** As the log has them. */
  readonly refusals: Parameters<MailLog['refused']>[0][];
  readonly peer: Peer;
  readonly other: Peer | undefined;
  readonly inbox: Peer;
}

const running: (() => Promise<void>)[] = [];

export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const config: Listener = {
    ...{ name: 'test', role: 'smtp', address: '127.0.0.1', port: 0 },
    tls: { mode: 'none', required: false, minVersion: 'TLSv1.2' },
    auth: { offered: false, required: false, allowWithoutTls: false },
    ...{ relayFrom: ['127.0.0.0/8'], limits: LIMITS },
    ...options.listener,
  };
  const [peer, inbox] = [await startPeer(options.peer), await startPeer(options.inbox)];
  const other = options.other && (await startPeer(options.other));
  const { protocol = 'smtp', delivery = {}, clock = systemClock, acceptor = (flow) => flow } = options;
  const toPeer = [peer, ...(other ? [other] : [])].map(({ port }) =>
    hopTo(port, { protocol, ...options.hop }),
  );
  const world = await openWorld({
    ...options.world,
    hops: (destination) =>
      destination.key === 'mx:sender.test' ? [hopTo(inbox.port)] : (options.hops?.(destination) ?? toPeer),
    config: {
      ...{ listeners: [config], users: options.users ?? [], secrets: options.secrets ?? {} },
      domains: (options.domains ?? []).map((domain) =>
        typeof domain === 'string' ? ownDomain(domain) : domain,
      ),
      relays: options.relays ?? [],
    },
    delivery,
    ...(options.minFreeBytes === undefined ? {} : { minFreeBytes: options.minFreeBytes }),
  });
  const refusals: Relay['refusals'] = [];
  const listener = createListener(
    { config, hostname: 'mx.ours.test', secrets: options.secrets ?? {} },
    {
      acceptor: acceptor(world.flow),
      ...{ clock, random: systemRandom, connectionShare: 1 },
      log: { refused: (event) => void refusals.push(event) },
    },
  );
  const port = (await listener.start()).port;
  running.push(async () => {
    await listener.stop(0);
    await world.close();
    await Promise.all([peer, inbox, ...(other ? [other] : [])].map((each) => each.close()));
  });
  return { ...world, port, listener, refusals, peer, other, inbox };
}

/** For afterEach. */
export async function stopRelays(): Promise<void> {
  await Promise.all(running.splice(0).map((stop) => stop()));
}
