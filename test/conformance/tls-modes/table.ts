/** What each mode of a TLS policy makes of each kind of mail host: the tests and docs/tls-modes.md are made from it. */
import type { Script } from '../../../mta/deliver/testing/peer.ts';
import type { TlsFault } from '../../../mta/deliver/tls-failure.ts';
import type { Kind } from '../mta-sts/certificates.ts';

/** In the order of the page. `Opportunistic, strict`: with `fallbackToClear: false`. MTA-STS policies are enforced, and name the host. */
export const MODES = [
  ...(['None', 'Opportunistic', 'Opportunistic, strict', 'Required', 'Verified', 'Pinned'] as const),
  ...(['DANE', 'MTASTS', 'DANEOrMTASTS by DANE', 'DANEOrMTASTS by MTA-STS'] as const),
] as const;
export type ModeName = (typeof MODES)[number];

/** Mail goes in clear text, goes in TLS, or waits, and bounces when its time is over. */
export type Outcome = 'clear' | 'TLS' | TlsFault;

export interface HostCase {
  readonly what: string;
  readonly script: Script;
  readonly shows?: Kind;
  readonly minVersion?: 'TLSv1.3';
  /** Pins and TLSA records are of another key than it has. */
  readonly otherKey?: true;
  /** The setting of main.cf that makes a Postfix so, where it isn't the certificate alone, and the reason that replies have where mail waits. */
  readonly postfix?: { readonly setting: string; readonly reason?: string };
  readonly outcomes: Readonly<Record<ModeName, Outcome>>;
}

const EHLO = '250-peer.test\r\n250 STARTTLS';
const TLS: Script = { answers: { EHLO } };

/** Where a certificate is looked at by an authority, where by its key, and where not at all. */
function outcomes(
  [none, opportunistic, strict, required]: readonly [Outcome, Outcome, Outcome, Outcome],
  byAuthority: Outcome,
  byKey: Outcome,
  byPin = byKey,
): Readonly<Record<ModeName, Outcome>> {
  return {
    ...{ None: none, Opportunistic: opportunistic, 'Opportunistic, strict': strict, Required: required },
    ...{ Verified: byAuthority, Pinned: byPin, DANE: byKey, MTASTS: byAuthority },
    ...{ 'DANEOrMTASTS by DANE': byKey, 'DANEOrMTASTS by MTA-STS': byAuthority },
  };
}

const inTls = (byAuthority: Outcome, byKey: Outcome = 'TLS', byPin = byKey) =>
  outcomes(['clear', 'TLS', 'TLS', 'TLS'], byAuthority, byKey, byPin);
/** Nobody gets TLS, and `offered` says whether a handshake, or its refusal, has told so. */
const without = (fault: TlsFault, offered: boolean) =>
  outcomes(['clear', 'clear', offered ? fault : 'clear', fault], fault, fault);

export const HOSTS: readonly HostCase[] = [
  { what: 'good', script: TLS, outcomes: inTls('TLS') },
  {
    what: 'without STARTTLS',
    script: { answers: { STARTTLS: '502 5.5.1 No' } },
    postfix: {
      setting: 'smtpd_tls_security_level = none',
      reason: '502 5.5.1 Error: command not implemented',
    },
    outcomes: without('starttls-not-supported', false),
  },
  {
    what: 'STARTTLS stripped from its reply to EHLO',
    script: {},
    postfix: { setting: 'smtpd_command_filter = regexp:{{/^EHLO (.*)/ HELO $$1}}' },
    outcomes: outcomes(['clear', 'clear', 'clear', 'TLS'], 'TLS', 'TLS'),
  },
  {
    what: 'STARTTLS refused',
    script: { answers: { EHLO, STARTTLS: '454 4.7.0 Not now' } },
    postfix: {
      setting: 'smtpd_tls_cert_file = /nonexistent',
      reason: '454 4.7.0 TLS not available due to local problem',
    },
    outcomes: without('validation-failure', true),
  },
  {
    what: 'broken handshake',
    script: { ...TLS, tls: 'garbage' },
    // It has none but anonymous ciphers then.
    postfix: { setting: 'smtpd_tls_cert_file = none', reason: 'ssl/tls alert handshake failure' },
    outcomes: without('validation-failure', true),
  },
  {
    what: 'older than `minVersion`',
    script: { ...TLS, maxVersion: 'TLSv1.2' },
    minVersion: 'TLSv1.3',
    postfix: { setting: 'smtpd_tls_protocols = <=TLSv1.2', reason: 'tlsv1 alert protocol version' },
    outcomes: without('validation-failure', true),
  },
  { what: 'self-signed', script: TLS, shows: 'selfSigned', outcomes: inTls('certificate-not-trusted') },
  { what: 'unknown authority', script: TLS, shows: 'unknown', outcomes: inTls('certificate-not-trusted') },
  { what: 'expired', script: TLS, shows: 'expired', outcomes: inTls('certificate-expired') },
  { what: 'wrong name', script: TLS, shows: 'wrongName', outcomes: inTls('certificate-host-mismatch') },
  {
    what: 'another key than is pinned, or in its TLSA record',
    script: TLS,
    otherKey: true,
    outcomes: inTls('TLS', 'tlsa-invalid', 'certificate-not-trusted'),
  },
];
