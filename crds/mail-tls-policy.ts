/** MailTLSPolicy: how TLS is done with a next hop, or by a listener. Written by the security team. */
import { z } from 'zod';
import { domainPattern, itemName, mtaRefs, secretKeyRef } from './fields.ts';
import { attachedColumns, type Kind } from './kind.ts';
import { setList, withRules } from './rules.ts';
import { attachedStatus } from './status.ts';

const spec = withRules(
  z.strictObject({
    mtaRefs: mtaRefs(),
    destinations: setList(domainPattern(), 1000)
      .default([])
      .describe(
        "Recipient domains whose MX hosts this is for: example.org, *.example.org for every name below it, * for whatever no other policy names: the fleet's floor. The most specific counts. Empty where only relays and domains use it, by name. Only in the namespace of the MTA.",
      ),
    listeners: setList(itemName(), 16)
      .default([])
      .describe(
        'Listeners of the MTA that take no less than this, whatever they say themselves: with mode Required nothing in clear text (530 5.7.0), with Opportunistic TLS where a client asks for it; no version below minVersion. Of several policies the strictest counts. Only in the namespace of the MTA.',
      ),
    mode: z
      .enum(['None', 'Opportunistic', 'Required', 'Verified', 'Pinned', 'DANE', 'MTASTS', 'DANEOrMTASTS'])
      .describe(
        'None: clear text. Opportunistic: STARTTLS where it is offered, with any certificate; can be stripped on the way. Required: no clear text, with any certificate; keeps out who only listens. Verified: no clear text, and the certificate must be valid for the name of the host. Pinned: no clear text, and the certificate must have one of the keys in pins, whoever signed it and whatever it says. DANE: no clear text, and the certificate must match the TLSA records of the host, which, like its MX records, must be signed; needs dns.validates of the MTA, without which all mail that it is for waits. MTASTS: what the MTA-STS policy of the recipient domain says, where that is enforced: no clear text, only hosts that it names, and the certificate must be valid for the name of the host. Where it is tested, and for domains without one, as Opportunistic. DANEOrMTASTS: no clear text, and either of the two: TLSA records as with DANE, or, of hosts without any, an MTA-STS policy that is enforced.',
      ),
    fallbackToClear: z
      .boolean()
      .optional()
      .describe(
        'With mode Opportunistic, and with MTASTS where no policy is enforced: deliver in clear text after a TLS handshake that failed. True where absent; false is worth a try.',
      ),
    minVersion: z
      .enum(['TLSv1.2', 'TLSv1.3'])
      .default('TLSv1.2')
      .describe('Oldest version of TLS that a next hop may use.'),
    caRef: secretKeyRef('ca.crt')
      .optional()
      .describe("With mode Verified: authorities that are trusted, PEM; the system's where absent."),
    pins: setList(
      z
        .string()
        .length(44)
        .regex(/^[A-Za-z0-9+/]{43}=$/, { error: 'must be the base64 of a SHA-256 digest' }),
      16,
    )
      .optional()
      .describe(
        'With mode Pinned: SHA-256 digests of the public keys (SubjectPublicKeyInfo) that a host may show. Name the next key before a host gets it: mail waits while none of its keys is here.',
      ),
    requireTLS: z
      .enum(['Honour', 'Always'])
      .optional()
      .describe(
        "REQUIRETLS (RFC 8689) with these hosts. Honour, and where absent: mail whose sender asks for it goes only to hosts that DNSSEC or an MTA-STS policy names, that are verified, and that go on so; else it is returned. Always: all mail does, and waits where it can't.",
      ),
  }),
  [
    {
      rule: "size(self.listeners) == 0 || self.mode == 'Opportunistic' || self.mode == 'Required'",
      message: 'a listener takes mode Opportunistic or Required: write a policy of its own for listeners',
      fieldPath: '.listeners',
      holds: ({ listeners, mode }) =>
        listeners.length === 0 || mode === 'Opportunistic' || mode === 'Required',
    },
    {
      rule: "self.mode == 'Opportunistic' || self.mode == 'MTASTS' || !has(self.fallbackToClear)",
      message: 'fallbackToClear is for modes Opportunistic and MTASTS only: the other modes leave no choice',
      fieldPath: '.fallbackToClear',
      holds: (self) =>
        self.mode === 'Opportunistic' || self.mode === 'MTASTS' || self.fallbackToClear === undefined,
    },
    {
      rule: "self.mode == 'Verified' || !has(self.caRef)",
      message: 'caRef is for mode Verified only: no other mode looks at who signed a certificate',
      fieldPath: '.caRef',
      holds: (self) => self.mode === 'Verified' || self.caRef === undefined,
    },
    {
      rule: "(self.mode == 'Pinned') == has(self.pins)",
      message: 'pins are needed with mode Pinned, and only there',
      fieldPath: '.pins',
      holds: (self) => (self.mode === 'Pinned') === (self.pins !== undefined),
    },
  ],
);

export const mailTlsPolicy = {
  kind: 'MailTLSPolicy',
  plural: 'mailtlspolicies',
  shortName: 'mtp',
  description:
    'How TLS is done with next hops: for destinations by pattern, or for the relays and domains that name it; or by listeners of the MTA.',
  spec,
  status: attachedStatus(),
  columns: [
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode', description: 'What is asked of next hops.' },
    {
      name: 'Destination',
      type: 'string',
      jsonPath: '.spec.destinations[0]',
      description: 'First destination.',
      wide: true,
    },
    ...attachedColumns,
  ],
} as const satisfies Kind;

export type MailTlsPolicySpec = z.output<typeof spec>;
