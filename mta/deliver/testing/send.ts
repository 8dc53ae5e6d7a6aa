/** One message to one next hop, as the flow sends it, for tests of delivery. */
import { Readable } from 'node:stream';
import type { MtaConfig } from '../../config.ts';
import type { Envelope } from '../../envelope.ts';
import type { MessageContent, StoredReply } from '../../queue/types.ts';
import { testConfig, testPolicy } from '../../route/testing/config.ts';
import type { NextHop } from '../../route/types.ts';
import type { Sessions } from '../types.ts';

export function hopTo(port: number, change: Partial<NextHop> = {}): NextHop {
  return {
    host: 'peer.test',
    address: '127.0.0.1',
    port,
    protocol: 'smtp',
    implicitTls: false,
    tls: testPolicy({ mode: 'none' }),
    ...change,
  };
}

/** `seconds` are what every wait for the next hop may take. */
export function deliveryConfig(change: Partial<MtaConfig['delivery']> = {}, seconds = 10): MtaConfig {
  const base = testConfig();
  const timeouts = {
    connect: seconds,
    greeting: seconds,
    command: seconds,
    dataBlock: seconds,
    finalReply: seconds,
  };
  return { ...base, delivery: { ...base.delivery, timeouts, ...change } };
}

export function contentOf(bytes: Buffer | string): MessageContent {
  const buffer = Buffer.from(bytes);
  return { size: buffer.length, bytes: buffer, stream: () => Readable.from([buffer]) };
}

export function streamOf(chunks: readonly Buffer[]): MessageContent {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { size, bytes: undefined, stream: () => Readable.from(chunks) };
}

export interface Sent {
  readonly from?: string;
  readonly to?: readonly string[];
  readonly content?: MessageContent;
  readonly envelope?: Partial<Envelope>;
  readonly owned?: () => boolean;
  readonly attempt?: number;
}

/** Replies by recipient, in the order of the envelope. */
export async function send(sessions: Sessions, hop: NextHop, sent: Sent = {}): Promise<StoredReply[]> {
  const envelope: Envelope = {
    from: sent.from ?? 'anna@ours.test',
    recipients: (sent.to ?? ['bob@peer.test']).map((address) => ({ address })),
    arrivedAt: 0,
    origin: { listener: 'smtp', protocol: 'ESMTP' },
    ...sent.envelope,
  };
  const session = await sessions.acquire(hop);
  try {
    const transaction = session.transaction();
    transaction.begin(envelope, { id: 'lane-7', number: sent.attempt ?? 1 });
    for (const [index, recipient] of envelope.recipients.entries()) {
      transaction.recipient(recipient, index);
    }
    transaction.body(
      sent.content ?? contentOf('Subject: hello\r\n\r\nhello\r\n'),
      sent.owned ?? (() => true),
    );
    const results = [...(await transaction.commit())];
    return results.sort((one, other) => one.recipient - other.recipient).map(({ reply }) => reply);
  } finally {
    sessions.release(session);
  }
}
