/** The result types that RFC 8460 §4.3 defines. */
export const RESULT_TYPES: ReadonlySet<string> = new Set([
  ...[
    'starttls-not-supported',
    'certificate-host-mismatch',
    'certificate-expired',
    'certificate-not-trusted',
  ],
  ...['validation-failure', 'tlsa-invalid', 'dnssec-invalid', 'dane-required'],
  ...['sts-policy-fetch-error', 'sts-policy-invalid', 'sts-webpki-invalid'],
]);
