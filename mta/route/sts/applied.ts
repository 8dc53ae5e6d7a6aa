/**
 * What the MTA-STS policy of a domain says of hosts that its mail goes to (RFC 8461 §4.1), where the TLS policy asks for that, or a
 * message that nobody may read (RFC 8689 §4.2.1).
 */
import { isIP } from 'node:net';
import type { TlsPolicy } from '../../config.ts';
import { normalizeDomain } from '../patterns.ts';
import type { NextHop } from '../types.ts';
import type { TlsWish } from '../wish.ts';
import type { StsPolicies } from './policies.ts';
import { allows } from './policy.ts';

/**
 * @param domain the Policy Domain: the recipient's, or that of a smart host (RFC 8461 §3.4)
 * @param isReported whether reports of TLS tell of a fetch that fails
 */
export async function stsOf(
  tls: TlsPolicy,
  domain: string,
  { sts, wish }: { readonly sts: StsPolicies; readonly wish?: TlsWish },
  isReported = false,
): Promise<(host: string) => Pick<NextHop, 'sts' | 'stsPolicy'>> {
  const { mode, requireTls } = tls;
  // Who wishes for none is not to wait for what `demandOf` has no regard to then.
  const isFollowed = mode === 'daneOrMtaSts' || (mode === 'mtaSts' && wish !== 'optional');
  const asks = isFollowed || wish === 'required' || requireTls === true;
  if (!asks || isIP(domain) !== 0) return () => ({});
  const name = normalizeDomain(domain);
  const policy = await sts.policyOf(name, isReported);
  if (policy === undefined || policy.mode === 'none') return () => ({});
  const found = { domain: name, mode: policy.mode };
  return (host) => ({ sts: { ...found, lists: allows(policy, host) }, stsPolicy: policy });
}
