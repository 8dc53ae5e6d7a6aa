/** Mail that comes by LMTP, to two domains of ours, and stays in the queue. */
import type { Listener } from '../../mta/config.ts';
import { smtpError } from '../../mta/errors.ts';
import { ownDomain } from '../../mta/testing/flow-world.ts';
import { type Relay, type RelayOptions, startRelay } from './relay.ts';
import { Wire } from './wire.ts';

export const MAIL = 'MAIL FROM:<anna@sender.test>';
export const rcpt = (to: string) => `RCPT TO:<${to}>`;
export const [BOB, CAROL, DAVE] = ['bob@store.test', 'carol@small.test', 'dave@store.test'].map(rcpt) as [
  string,
  string,
  string,
];
export const NOBODY = rcpt('nobody@store.test');
const domains = [
  ownDomain('store.test', {
    recipients: { mode: 'list', list: ['bob', 'dave'] },
  }),
  ownDomain('small.test', { messageSize: 100 }),
];
export const TOO_LARGE_FOR_CAROL = `Subject: x\r\n\r\n${'x'.repeat(100)}\r\n`;

type Options = Omit<RelayOptions, 'listener'> & { listener?: Partial<Listener> };

/** What comes in stays in the queue: there is no way on today. */
export const start = ({ listener, ...more }: Options = {}): Promise<Relay> =>
  startRelay({
    domains,
    hops: () => Promise.reject(smtpError('dnsTemporary')),
    delivery: { retry: { initialSeconds: 3600, factor: 1, maxSeconds: 3600, jitter: 0 } },
    listener: { role: 'lmtp', relayFrom: [], ...listener },
    ...more,
  });
export const hello = ({ port }: Pick<Relay, 'port'>, options: { tls?: boolean } = {}) =>
  Wire.hello(port, { ...options, verb: 'LHLO' });

/** The recipients of each message in the queue, and its content. */
export async function queued(relay: Relay): Promise<{ to: string[]; content: string }[]> {
  const messages = await relay.queued();
  return Promise.all(
    messages.map(async ({ envelope, content }) => ({
      to: envelope.recipients.map(({ address }) => address),
      content: Buffer.concat(await Array.fromAsync(content.stream())).toString('latin1'),
    })),
  );
}
export const recipients = async (relay: Relay) => (await queued(relay)).map(({ to }) => to);
