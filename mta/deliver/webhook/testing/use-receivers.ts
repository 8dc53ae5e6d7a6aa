/** Receivers and pools for the tests of one file, ended after each test. */
import type { SmtpError } from '../../../errors.ts';
import type { StoredReply } from '../../../queue/types.ts';
import { testPolicy } from '../../../route/testing/config.ts';
import type { NextHop, Webhook } from '../../../route/types.ts';
import { hopTo, type Sent, send } from '../../testing/send.ts';
import { usePeers } from '../../testing/use-peers.ts';
import { type Receiver, type ReceiverScript, startReceiver } from './receiver.ts';

/** Known to everybody, good for nothing else. */
export const KEY = Buffer.from('0123456789abcdef01234567');
export const keyLine = (key: Buffer) => `whsec_${key.toString('base64')}`;

export function webhookHop(
  port: number,
  change: Partial<NextHop> = {},
  webhook: Partial<Webhook> = {},
): NextHop {
  return hopTo(port, {
    protocol: 'webhook',
    isOwnTarget: true,
    webhook: {
      origin: `http://peer.test:${port}`,
      authority: `peer.test:${port}`,
      path: '/mail?key=1',
      keys: keyLine(KEY),
      ...webhook,
    },
    ...change,
  });
}

export const overTls = { implicitTls: true, tls: testPolicy({ mode: 'verified', ca: 'ca' }) };

export function useReceivers() {
  const { pool, after } = usePeers();
  const receiverOf = async (script: ReceiverScript = {}): Promise<Receiver> => {
    const receiver = await startReceiver(script);
    after(() => receiver.close());
    return receiver;
  };
  return {
    pool,
    after,
    receiverOf,
    /** What a request to such a receiver brings: replies by recipient, or the error for all of them. */
    async outcome(
      script: ReceiverScript,
      sent: Sent = {},
      seconds?: number,
    ): Promise<StoredReply[] | SmtpError> {
      const { port } = await receiverOf(script);
      return send(pool(seconds), webhookHop(port), sent).catch((error: SmtpError) => error);
    },
  };
}
