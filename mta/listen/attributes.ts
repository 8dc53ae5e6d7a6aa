/**
 * What a peer that passes on the sessions or the mail of others tells of them: the attributes of XCLIENT and of XFORWARD, as
 * Postfix's XCLIENT_README and XFORWARD_README have them. Pure. What was not announced, is given twice, or has a bad value is
 * refused with 501 5.5.4.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Forwarded } from '../envelope.ts';
import { smtpError } from '../errors.ts';
import { decodeXtext } from '../xtext.ts';
import { plainAddress } from './plain-address.ts';

/** Of the client in whose place the peer speaks. A member that is there and undefined is one that the peer doesn't know. */
export interface ClientAttributes {
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly helo?: string | undefined;
  /** Whether it has said EHLO. */
  readonly extended?: boolean;
  readonly user?: string | undefined;
}

// Those that say at which address of ours the client was are of no use here, and aren't announced.
export const XCLIENT = 'NAME ADDR PORT PROTO HELO LOGIN';
export const XFORWARD = 'NAME ADDR PORT PROTO HELO IDENT SOURCE';

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export function parseXclient(args: string): ClientAttributes {
  const told: Writable<ClientAttributes> = {};
  for (const [name, value] of split(args)) {
    if (name === 'NAME') told.name = value && word(name, value, 255);
    else if (name === 'ADDR') told.address = value && address(name, value);
    else if (name === 'PORT') told.port = value === undefined ? undefined : port(name, value);
    else if (name === 'PROTO') told.extended = protocol(name, value);
    else if (name === 'HELO') told.helo = value && word(name, value, 255);
    else if (name === 'LOGIN') told.user = value && login(name, value);
    else throw bad(name);
  }
  return told;
}

export function parseXforward(args: string): Forwarded {
  const told: Writable<Forwarded> = {};
  for (const [name, value] of split(args)) {
    if (name === 'NAME') told.name = value && word(name, value, 255);
    else if (name === 'ADDR') told.address = value && address(name, value);
    else if (name === 'PORT') told.port = value === undefined ? undefined : port(name, value);
    else if (name === 'PROTO') told.protocol = value && word(name, value, 64);
    else if (name === 'HELO') told.helo = value && word(name, value, 255);
    else if (name === 'IDENT') told.id = value && word(name, value, 255);
    else if (name === 'SOURCE') told.source = value === undefined ? undefined : source(name, value);
    else throw bad(name);
  }
  return told;
}

const ATTRIBUTE = /^([A-Za-z]+)=([\x21-\x3c\x3e-\x7e]+)$/;
const UNKNOWN = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i;

/** Decoded values by name; undefined is one that the peer doesn't know. */
function split(args: string): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const text of args.split(' ')) {
    const [, given = '', value = ''] = ATTRIBUTE.exec(text) ?? [];
    const name = given.toUpperCase();
    const decoded = decodeXtext(value);
    if (name === '' || decoded === undefined) throw smtpError('badArguments');
    if (found.has(name)) throw smtpError('badArguments', { detail: `${name} is given twice` });
    found.set(name, UNKNOWN.test(decoded) ? undefined : decoded);
  }
  return found;
}

const bad = (name: string) => smtpError('badArguments', { detail: name });

/** Printable, without what is special in a header. */
function word(name: string, value: string, longest: number): string {
  if (value.length <= longest && /^[!#-'*+\-./0-9:=?A-Z[\]^_`a-z{|}~]+$/.test(value)) return value;
  throw bad(name);
}

/** As the system gives addresses. */
function address(name: string, value: string): string {
  if (isIPv4(value)) return value;
  const text = /^ipv6:/i.test(value) ? value.slice(5) : '';
  if (isIPv6(text) && !text.includes('%')) {
    return plainAddress(new SocketAddress({ address: text, family: 'ipv6' }).address);
  }
  throw bad(name);
}

function port(name: string, value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw bad(name);
}

function protocol(name: string, value = ''): boolean {
  const found = value.toUpperCase();
  if (found === 'SMTP' || found === 'ESMTP') return found === 'ESMTP';
  throw bad(name);
}

/** A name as a client gives it to AUTH. */
function login(name: string, value: string): string {
  const text = Buffer.from(value, 'latin1').toString('utf8');
  if (text.length <= 255 && !/[\p{Cc}\ufffd]/u.test(text)) return text;
  throw bad(name);
}

function source(name: string, value: string): 'LOCAL' | 'REMOTE' {
  const found = value.toUpperCase();
  if (found === 'LOCAL' || found === 'REMOTE') return found;
  throw bad(name);
}
