/**
 * Where a webhook is and how it is reached, by config alone: what its URL says, and the keys to sign with. Throws
 * `notConfigured` where a key or a TLS policy is missing. Pure.
 */
import { isIP } from 'node:net';
import { HTTPS, type MtaConfig, type TlsPolicy, type WebhookTarget } from '../config.ts';
import { smtpError } from '../errors.ts';
import type { TlsPolicies } from './tls-policy.ts';
import type { NextHop } from './types.ts';

type Parts = Pick<NextHop, 'host' | 'port' | 'implicitTls' | 'tls' | 'webhook'>;

export function webhookParts(
  target: WebhookTarget,
  secrets: MtaConfig['secrets'],
  policies: Pick<TlsPolicies, 'named'>,
): Parts {
  const url = new URL(target.url);
  const keys = secrets[target.signingKeys];
  if (keys === undefined) {
    throw smtpError('notConfigured', { detail: `config has no secret ${target.signingKeys}` });
  }
  const isHttps = url.protocol === 'https:';
  const bare = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    host: isIP(bare) === 6 ? bare : url.hostname,
    port: url.port === '' ? (isHttps ? 443 : 80) : Number(url.port),
    implicitTls: isHttps,
    tls: isHttps ? (target.tls === undefined ? HTTPS : policies.named(target.tls)) : CLEAR,
    webhook: { origin: url.origin, authority: url.host, path: `${url.pathname}${url.search}`, keys },
  };
}

const CLEAR: TlsPolicy = { ...HTTPS, name: 'http', mode: 'none' };
