/** What is done about each kind of Policy Host and each kind of mail host: the tests and docs/mta-sts.md are made from it. */

import type { Script } from '../../../mta/deliver/testing/peer.ts';
import type { TlsFault } from '../../../mta/deliver/tls-failure.ts';
import type { StsFault } from '../../../mta/route/sts/failure.ts';
import type { Kind } from './certificates.ts';

export interface PolicyHostCase {
  readonly what: string;
  /** What it is, in the tests. */
  readonly kind: string;
  readonly shows?: Kind;
  readonly fault: StsFault | 'none';
}

const other = (what: string, status: number): PolicyHostCase => ({
  ...{ what, kind: String(status), fault: 'sts-policy-fetch-error' },
});

/** Every way of RFC 8461 §3.3 and §5 in which a policy may not be had, and some that are well. */
export const POLICY_HOSTS: readonly PolicyHostCase[] = [
  { what: 'answers as it should', kind: 'good', fault: 'none' },
  {
    what: 'shows a certificate with a wildcard for its left-most label',
    kind: 'good',
    shows: 'wildcard',
    fault: 'none',
  },
  { what: 'sends its answer in chunks', kind: 'chunked', fault: 'none' },
  { what: 'has a second address, and nobody answers at the first', kind: 'secondAddress', fault: 'none' },
  ...[301, 302, 303, 307, 308].map((status) => other(`redirects to where the policy is (${status})`, status)),
  ...[204, 206, 304, 404, 500].map((status) => other(`answers ${status}`, status)),
  { what: 'sends HTML', kind: 'html', fault: 'sts-policy-fetch-error' },
  { what: 'says no type', kind: 'noType', fault: 'sts-policy-fetch-error' },
  { what: 'compresses it, unasked', kind: 'gzip', fault: 'sts-policy-fetch-error' },
  { what: 'sends more than 64 KiB', kind: 'large', fault: 'sts-policy-fetch-error' },
  { what: 'sends more than 64 KiB in chunks', kind: 'largeChunks', fault: 'sts-policy-fetch-error' },
  { what: 'sends an octet now and then', kind: 'drip', fault: 'sts-policy-fetch-error' },
  { what: 'begins to answer, and says no more', kind: 'stalls', fault: 'sts-policy-fetch-error' },
  { what: 'takes the request, and says nothing', kind: 'silent', fault: 'sts-policy-fetch-error' },
  { what: 'breaks off within its answer', kind: 'cut', fault: 'sts-policy-fetch-error' },
  { what: 'takes the connection, and says nothing', kind: 'deaf', fault: 'sts-policy-fetch-error' },
  { what: 'closes the connection', kind: 'closes', fault: 'sts-policy-fetch-error' },
  { what: 'speaks HTTP without TLS', kind: 'plain', fault: 'sts-policy-fetch-error' },
  { what: 'sends garbage within TLS', kind: 'noHttp', fault: 'sts-policy-fetch-error' },
  { what: 'is not there', kind: 'absent', fault: 'sts-policy-fetch-error' },
  { what: 'has no address', kind: 'noAddress', fault: 'sts-policy-fetch-error' },
  {
    what: 'has an address that `egress.allow` does not list',
    kind: 'inside',
    fault: 'sts-policy-fetch-error',
  },
  { what: 'shows an expired certificate', kind: 'good', shows: 'expired', fault: 'sts-webpki-invalid' },
  {
    what: 'shows a certificate that is not yet valid',
    kind: 'good',
    shows: 'notYet',
    fault: 'sts-webpki-invalid',
  },
  { what: 'shows a self-signed certificate', kind: 'good', shows: 'selfSigned', fault: 'sts-webpki-invalid' },
  {
    what: 'shows a certificate of an unknown authority',
    kind: 'good',
    shows: 'unknown',
    fault: 'sts-webpki-invalid',
  },
  {
    what: 'shows a certificate for another name',
    kind: 'good',
    shows: 'wrongName',
    fault: 'sts-webpki-invalid',
  },
  {
    what: 'shows a certificate with its name in the subject alone',
    kind: 'good',
    shows: 'commonName',
    fault: 'sts-webpki-invalid',
  },
  {
    what: 'shows a certificate with a wildcard for a part of a label',
    kind: 'good',
    shows: 'partial',
    fault: 'sts-webpki-invalid',
  },
  { what: 'sends garbage', kind: 'garbage', fault: 'sts-policy-invalid' },
  { what: 'sends nothing', kind: 'empty', fault: 'sts-policy-invalid' },
  { what: 'sends a policy without mx', kind: 'noMx', fault: 'sts-policy-invalid' },
  { what: 'sends a policy of another version', kind: 'otherVersion', fault: 'sts-policy-invalid' },
];

export interface MailHostCase {
  readonly what: string;
  readonly script: Script;
  readonly shows?: Kind;
  readonly minVersion?: 'TLSv1.3';
  /** Patterns of the policy, where they aren't the host's name. */
  readonly mx?: string;
  /** What an enforced policy puts mail off for; undefined where mail goes, in TLS. */
  readonly enforced?: TlsFault;
  /** What is told of a session with a tested policy; undefined where nothing is. */
  readonly tested?: TlsFault;
  /** Whether mail goes in TLS where the policy doesn't ask for it. */
  readonly encrypted: boolean;
}

const TLS: Script = { answers: { EHLO: '250-peer.test\r\n250 STARTTLS' } };
const says = (reply: string): Script => ({ answers: { ...TLS.answers, STARTTLS: reply } });
const both = (fault: TlsFault) => ({ enforced: fault, tested: fault });

export const MAIL_HOSTS: readonly MailHostCase[] = [
  { what: 'good', script: TLS, encrypted: true },
  { what: 'good, with a wildcard in its certificate', script: TLS, shows: 'wildcard', encrypted: true },
  { what: 'good, by a wildcard of the policy', script: TLS, mx: '*.d.test', encrypted: true },
  {
    what: 'not named by the policy',
    script: TLS,
    mx: 'other.test',
    ...both('validation-failure'),
    encrypted: true,
  },
  {
    what: 'two labels below a wildcard',
    script: TLS,
    mx: '*.test',
    ...both('validation-failure'),
    encrypted: true,
  },
  {
    what: 'without STARTTLS',
    script: { answers: { STARTTLS: '502 5.5.1 No' } },
    ...both('starttls-not-supported'),
    encrypted: false,
  },
  {
    what: 'STARTTLS stripped from its reply to EHLO',
    script: {},
    tested: 'starttls-not-supported',
    encrypted: false,
  },
  {
    what: 'STARTTLS stripped, and refused',
    script: { answers: { STARTTLS: '454 4.7.0 No' } },
    ...both('starttls-not-supported'),
    encrypted: false,
  },
  {
    what: 'STARTTLS offered, and refused',
    script: says('454 4.7.0 Not now'),
    ...both('validation-failure'),
    encrypted: false,
  },
  {
    what: 'broken handshake',
    script: { ...TLS, tls: 'garbage' },
    ...both('validation-failure'),
    encrypted: false,
  },
  {
    what: 'older than `minVersion`',
    script: { ...TLS, maxVersion: 'TLSv1.2' },
    minVersion: 'TLSv1.3',
    ...both('validation-failure'),
    encrypted: false,
  },
  {
    what: 'wrong name',
    script: TLS,
    shows: 'wrongName',
    ...both('certificate-host-mismatch'),
    encrypted: true,
  },
  {
    what: 'name in the subject alone',
    script: TLS,
    shows: 'commonName',
    ...both('certificate-host-mismatch'),
    encrypted: true,
  },
  {
    what: 'wildcard for a part of a label',
    script: TLS,
    shows: 'partial',
    ...both('certificate-host-mismatch'),
    encrypted: true,
  },
  {
    what: 'self-signed',
    script: TLS,
    shows: 'selfSigned',
    ...both('certificate-not-trusted'),
    encrypted: true,
  },
  {
    what: 'unknown authority',
    script: TLS,
    shows: 'unknown',
    ...both('certificate-not-trusted'),
    encrypted: true,
  },
  { what: 'expired', script: TLS, shows: 'expired', ...both('certificate-expired'), encrypted: true },
  { what: 'not yet valid', script: TLS, shows: 'notYet', ...both('validation-failure'), encrypted: true },
];
