/**
 * The server's side of AUTH (RFC 4954 §4) for PLAIN (RFC 4616) and LOGIN, one response at a time. Pure. Fails with
 * 501 for a cancelled exchange and for responses that can't be decoded.
 */
import { smtpError } from '../errors.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Text for the next 334, or what the client has proved to know. */
export type SaslStep = { readonly challenge: string } | Credentials;

/** Takes the client's next response as it was sent: base64, or `*`. */
export type SaslExchange = (response: string) => SaslStep;

export const MECHANISMS: Readonly<Record<string, () => { first: string; exchange: SaslExchange }>> = {
  PLAIN: () => ({ first: '', exchange: plain }),
  LOGIN: () => ({ first: base64('Username:'), exchange: login() }),
};

/**
 * @param initial the initial response, where there was one; `=` is an empty one
 * @returns the first challenge with the exchange that goes on, or the credentials at once
 */
export function startSasl(
  mechanism: string,
  initial: string | undefined,
): { step: SaslStep; exchange: SaslExchange } {
  const make = Object.hasOwn(MECHANISMS, mechanism) ? MECHANISMS[mechanism] : undefined;
  if (make === undefined) throw smtpError('authMechanism');
  const { first, exchange } = make();
  if (initial === undefined) return { step: { challenge: first }, exchange };
  return { step: exchange(initial === '=' ? '' : initial), exchange };
}

// RFC 4616 §2: [authzid] NUL authcid NUL passwd
function plain(response: string): SaslStep {
  const parts = decode(response).split('\0');
  const [authorization, username, password] = parts;
  if (parts.length !== 3 || !username || !password) throw smtpError('authUndecodable');
  // Nobody acts for somebody else here.
  if (authorization !== '' && authorization !== username) throw smtpError('authInvalid');
  return { username, password };
}

function login(): SaslExchange {
  let username: string | undefined;
  return (response) => {
    const text = decode(response);
    if (username !== undefined) return { username, password: text };
    username = text;
    return { challenge: base64('Password:') };
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decode(response: string): string {
  if (response === '*') throw smtpError('authCancelled');
  if (response.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(response))
    throw smtpError('authUndecodable');
  return Buffer.from(response, 'base64').toString('utf8');
}
