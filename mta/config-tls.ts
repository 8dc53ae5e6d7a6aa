/** TLS of a listener, as the config has it. */
import { z } from 'zod';

/** `kind/namespace/name/key` of a value in `secrets`. */
export const secretId = z.string().min(1);

export const tlsVersion = z.enum(['TLSv1.2', 'TLSv1.3']);

export const listenerTlsSchema = z.strictObject({
  mode: z.enum(['none', 'starttls', 'implicit']),
  /** MAIL and AUTH are refused with 530 5.7.0 before TLS. */
  required: z.boolean(),
  minVersion: tlsVersion,
  /** PEM chain and key; named where mode is not `none`. */
  certificate: secretId.optional(),
  key: secretId.optional(),
  /** Others, for clients that ask for a name that these have (RFC 6066 §3). */
  moreCertificates: z.array(z.strictObject({ certificate: secretId, key: secretId })).optional(),
  /** Clients are asked for a certificate; not where absent. */
  clientAuth: z
    .strictObject({
      /** PEM of the authorities whose certificates count. */
      ca: secretId,
      /** After TLS, all commands of a client without one are refused with 554 5.7.0 (RFC 3207 §4.1). */
      required: z.boolean(),
      /** Who may relay as `relayFrom` may, by a DNS name of the certificate: `a.example`, `*.example`, or `*`. */
      relayFrom: z.array(z.string()),
    })
    .optional(),
});
