/** What a domain publishes by MTA-STS (RFC 8461). */
import { z } from 'zod';
import { domainPattern, duration, objectName } from './fields.ts';
import { setList, withRules } from './rules.ts';
import { parseDuration } from './units.ts';

/** RFC 8461 §3.2: some more than a year. */
const LONGEST_HOURS = 31_557_600 / 3600;

export const mtaSts = withRules(
  z.strictObject({
    mode: z
      .enum(['None', 'Testing', 'Enforce'])
      .describe(
        'Testing: senders report what they would not have delivered, where they are asked to, and deliver it. Enforce: they deliver only over TLS, to a host that mx names, with a certificate that is valid for it. None: there is no policy any more; how one is ended. Begin with Testing.',
      ),
    maxAge: duration()
      .default('336h')
      .describe(
        'How long senders hold on to the policy after they have fetched it. Long is safe against who keeps them from fetching it anew; short is easy to take back.',
      ),
    mx: setList(domainPattern(), 64)
      .default([])
      .describe(
        "Hosts that take the mail, as the MX records name them: mail.example.org, or *.example.org for one label more. The hostnames of the MTA's listeners of the role SMTP where empty. Name a new host here, and wait for maxAge, before MX records do.",
      ),
    certificateRef: z
      .strictObject({
        name: objectName().describe(
          'Name of the Secret, of type kubernetes.io/tls, in the namespace of this resource.',
        ),
      })
      .optional()
      .describe(
        'Secret with a certificate chain (tls.crt) for mta-sts.<domain>, and mta-sts. of each alias, and its key (tls.key). Where absent it is issued by web.issuerRef of the MTA; the local mode makes a certificate of its own.',
      ),
  }),
  [
    {
      rule: `duration(self.maxAge) <= duration('${LONGEST_HOURS}h')`,
      message: `maxAge must not be longer than ${LONGEST_HOURS}h (RFC 8461)`,
      fieldPath: '.maxAge',
      holds: ({ maxAge }) => parseDuration(maxAge) <= LONGEST_HOURS * 3600,
    },
    {
      rule: "!self.mx.exists(m, m == '*')",
      message: 'mx names hosts: * is none',
      fieldPath: '.mx',
      holds: ({ mx }) => !mx.includes('*'),
    },
  ],
);
