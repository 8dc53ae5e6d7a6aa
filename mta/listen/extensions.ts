/** What the answer to EHLO or LHLO announces to a client, as it is known at the moment. Pure. */
import type { Limits } from '../config.ts';
import { XCLIENT, XFORWARD } from './attributes.ts';
import type { DialogueClient } from './dialogue-client.ts';
import { announcement } from './future-release.ts';
import { MECHANISMS } from './sasl.ts';

/**
 * @param offersEtrn whether there is anything that this client may ask for by ETRN
 * @param now ms since the epoch
 */
export function extensionsFor(client: DialogueClient, offersEtrn: boolean, now: number): string[] {
  const { listener } = client;
  // RFC 2645 §5.1.1
  if (listener.role === 'odmr') return ['ENHANCEDSTATUSCODES', 'ATRN', ...securityExtensions(client)];
  return [
    'PIPELINING',
    `SIZE ${listener.limits.messageSize}`,
    '8BITMIME',
    'ENHANCEDSTATUSCODES',
    'DSN',
    'CHUNKING',
    'BINARYMIME',
    'SMTPUTF8',
    'DELIVERBY',
    'MT-PRIORITY',
    // RFC 8689 §2
    ...(client.tls === undefined ? [] : ['REQUIRETLS']),
    ...(listener.futureRelease ? [announcement(listener.futureRelease.maxSeconds, now)] : []),
    ...(offersEtrn && listener.role !== 'lmtp' ? ['ETRN'] : []),
    ...securityExtensions(client),
    ...limitsLine(listener.limits),
    ...(client.mayUse('xclient') ? [`XCLIENT ${XCLIENT}`] : []),
    ...(client.mayUse('xforward') ? [`XFORWARD ${XFORWARD}`] : []),
  ];
}

function securityExtensions({ listener, tls, user }: DialogueClient): string[] {
  const lines = listener.tls.mode === 'starttls' && tls === undefined ? ['STARTTLS'] : [];
  const mayAuthenticate = listener.auth.offered && user === undefined;
  if (mayAuthenticate && (tls !== undefined || listener.auth.allowWithoutTls)) {
    lines.push(`AUTH ${Object.keys(MECHANISMS).join(' ')}`);
  }
  return lines;
}

/** RFC 9422 §4: numbers of up to six digits. Whoever has more than that has no limit to speak of. */
function limitsLine({ recipients, transactionsPerSession }: Limits): string[] {
  const said = Object.entries({ RCPTMAX: recipients, MAILMAX: transactionsPerSession })
    .filter(([, limit]) => limit <= 999_999)
    .map(([name, limit]) => ` ${name}=${limit}`);
  return said.length === 0 ? [] : [`LIMITS${said.join('')}`];
}
