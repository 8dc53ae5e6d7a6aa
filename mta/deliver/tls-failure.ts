/** What went wrong with TLS, in the words of reports about it (RFC 8460 §4.3). */
export type TlsFault =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'
  | 'tlsa-invalid'
  | 'dnssec-invalid'
  | 'dane-required';

/**
 * A TLS handshake, STARTTLS itself, or the certificate that came with it: for an opportunistic policy there is still clear
 * text.
 */
export class TlsFailure extends Error {
  override readonly name = 'TlsFailure';
  readonly fault: TlsFault;
  readonly why: string;

  constructor(fault: TlsFault, why: string, options?: ErrorOptions) {
    super(`${fault}: ${why}`, options);
    this.fault = fault;
    this.why = why;
  }
}
