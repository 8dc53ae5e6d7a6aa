/** How the queue and the deliveries of a simulated fleet are configured: small, so that everything happens soon. */
import type { Delivery, QueueConfig } from '../../mta/config.ts';

export const TERM_MS = 5000;

export const CONFIG: QueueConfig = {
  mode: 'Shared',
  path: '/queue',
  leaseTermSeconds: TERM_MS / 1000,
  inlineBodyBytes: 512,
  segmentBytes: 4096,
  minFreeBytes: 1 << 20,
  initialize: true,
};

export const DELIVERY: Delivery = {
  retry: { initialSeconds: 0.5, factor: 2, maxSeconds: 2, jitter: 0.3 },
  lifetimeSeconds: 4 * 3600,
  bounceLifetimeSeconds: 4 * 3600,
  delayWarningSeconds: 0,
  connectionsPerDestination: 8,
  messagesPerConnection: 100,
  idleConnectionSeconds: 30,
  mxPort: 25,
  addressFamilies: ['ipv4'],
  defaultTls: 'default',
  timeouts: { connect: 30, greeting: 300, command: 300, dataBlock: 180, finalReply: 600 },
};
