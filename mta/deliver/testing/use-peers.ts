/** Peers and pools for the tests of one file, ended after each test. */
import { afterEach } from 'vitest';
import type { MtaConfig } from '../../config.ts';
import type { SmtpError } from '../../errors.ts';
import type { StoredReply } from '../../queue/types.ts';
import { createSessions, type SessionsDeps } from '../sessions.ts';
import type { Sessions } from '../types.ts';
import { peerCertificate } from './certificate.ts';
import { type Peer, type Script, startPeer } from './peer.ts';
import { deliveryConfig, hopTo, type Sent, send } from './send.ts';

/** What every wait may take, in seconds, where a peer is silent. */
export const SHORT = 0.2;

export function usePeers() {
  const cleanup: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of cleanup.splice(0).reverse()) {
      await end();
    }
  });
  const peerOf = async (script: Script = {}): Promise<Peer> => {
    const peer = await startPeer(script);
    cleanup.push(() => peer.close());
    return peer;
  };
  /** `seconds` are what every wait may take. */
  const pool = (
    seconds = 10,
    change: Partial<MtaConfig['delivery']> = {},
    more: Omit<SessionsDeps, 'config'> & { readonly egress?: MtaConfig['egress'] } = {},
  ): Sessions => {
    const { egress = { allow: [] }, ...deps } = more;
    const config = { ...deliveryConfig(change, seconds), egress, secrets: { ca: peerCertificate } };
    const sessions = createSessions({ config: () => config, ...deps });
    cleanup.push(() => sessions.drain());
    return sessions;
  };
  return {
    peerOf,
    pool,
    after(end: () => Promise<void>): void {
      cleanup.push(end);
    },
    /** What a transaction with such a peer says: replies by recipient, or the error for all of them. */
    async outcome(
      script: Script,
      sent: Sent = {},
      more: { lmtp?: boolean; seconds?: number } = {},
    ): Promise<StoredReply[] | SmtpError> {
      const { port } = await peerOf(script);
      const hop = hopTo(port, more.lmtp === true ? { protocol: 'lmtp' } : {});
      return send(pool(more.seconds), hop, sent).catch((error: SmtpError) => error);
    },
  };
}
