/** That TLSA records are published for a listener: which names have them, and how long before a key is used. */
import { z } from 'zod';
import { domainName, duration } from './fields.ts';
import { setList } from './rules.ts';

export const dane = z
  .strictObject({
    lead: duration()
      .default('48h')
      .describe(
        'How long the record of a new key has to stand in status.records before the key is used: the time that it takes you to publish it, and twice the TTL of the records (RFC 7671 §8.1). Until then the certificate of before is shown.',
      ),
    names: setList(domainName(), 32)
      .default([])
      .describe(
        "Names in MX records under which this listener is reached, each of which gets records. Where empty: the listener's hostname, and the DNS names in its certificates that are no wildcards.",
      ),
  })
  .optional()
  .describe(
    'Say that you publish TLSA records for this listener, for senders that do DANE (RFC 7672). status.records of the MTA says which, and a new key is used once its record has stood there for a while: not when cert-manager renews. DNS has to have these records, and no others for their names. Only where the role is SMTP and the mode STARTTLS. Cluster only: the local mode has no records to show, and uses a new key at once.',
  );
