/** docs/mta-sts.md: how mail is sent by MTA-STS, with the tables that the tests are made from. */
import {
  MAIL_HOSTS,
  type MailHostCase,
  POLICY_HOSTS,
  type PolicyHostCase,
} from '../test/conformance/mta-sts/table.ts';
import { table } from './markdown.ts';

export const PAGE = 'docs/mta-sts.md';

const had = ({ what, fault }: PolicyHostCase): string[] => [
  what,
  fault === 'none' ? 'its policy holds' : `\`${fault}\``,
];

const sent = ({ what, enforced, tested, encrypted }: MailHostCase): string[] => {
  const goes = encrypted ? 'goes, in TLS' : 'goes, in clear text';
  return [
    what,
    enforced === undefined ? 'goes, in TLS' : `**waits**: \`${enforced}\``,
    tested === undefined ? goes : `${goes}; told: \`${tested}\``,
    goes,
  ];
};

export function mtaStsFiles(): Map<string, string> {
  const text = `# How is mail sent by MTA-STS?

A domain says by MTA-STS (RFC 8461) which hosts take its mail, and that these have TLS with certificates for their names. A
[MailTLSPolicy](kinds.md#which-tls-policy-holds) of mode \`MTASTS\` follows that:

\`\`\`yaml
apiVersion: postrider.dev/v1alpha1
kind: MailTLSPolicy
metadata: {name: sts, namespace: mail}
spec:
  mtaRefs: [{name: mta}]
  mode: MTASTS
  destinations: ["*"]
\`\`\`

| the policy of the domain | what is asked of a host |
| --- | --- |
| \`enforce\` | one of the policy's \`mx\` names it, it has TLS, and its certificate is valid for its name. A host that isn't so gets nothing, and the next one is tried |
| \`testing\` | nothing but what \`Opportunistic\` asks; what would have failed is counted and logged |
| \`none\`, or no policy | what \`Opportunistic\` asks: TLS where it is offered, and clear text where it fails, unless \`fallbackToClear\` is false |

\`MTASTS\` is therefore never less than \`Opportunistic\`, and for domains without a policy no more. Who wants TLS from them too writes \`Required\` or
\`Verified\` for those domains. DANE comes first: where the resolver is [trusted](tls.md#how-do-i-give-an-mta-a-resolver-that-is-trusted) and a host has TLSA records, these say who it is
(RFC 8461 §2).

Where every host fails, mail waits: \`451 4.7.5\`, with the fault in the terms of RFC 8460 and the names of both policies. It bounces when its time is over, with that
reason. The domain's record is looked at before each attempt, so that a policy which the domain has mended counts at once.

    TLS is required and could not be had: mx1.example.org: certificate-expired: the certificate was valid until Nov 29 2026 (TLS policy mail/sts, MTA-STS policy of example.org)

The policy is the recipient domain's: not that of a domain above it, nor of the MX host. Of a smart host (a MailRelay) it is that of the host's name
(RFC 8461 §3.4), of which the patterns name the host itself, or its MX hosts with \`lookupMX\`. Address literals and the targets of our own domains have none.

## How is a policy had?

1. The TXT record \`_mta-sts.example.org\` says that there is one, and its id. Where the record is missing, malformed, there twice, or can't be looked up, what is cached
   counts; where nothing is, there is no policy.
2. \`https://mta-sts.example.org/.well-known/mta-sts.txt\` is fetched where nothing is cached, or the id has changed; the mail waits for that. A certificate for that name by a
   public authority, status 200, \`text/plain\`, 64 KiB and a minute for all of it are asked for. No redirect is followed. Port 443 has to be
   open from the pods. The addresses of the Policy Host are [checked like those of MX hosts](kinds.md): private ones only where \`egress.allow\` lists them.
3. The policy counts for its \`max_age\`, from its last fetch on, whatever happens to the record and to the Policy Host meanwhile. A fetch that failed is
   not tried again for five minutes, by one worker and for one domain.
4. Once a day it is fetched again, as long as mail has gone to the domain within a month, so that whoever stands in the way of fetches has to do so for its whole life.

Policies lie beside the queue, in \`queue.mta-sts\` on its volume: with \`storage.mode: Shared\` all pods have what one has fetched, and a restart forgets none. 10,000 domains have
room there; those that were used least lately make room for others. A file that is damaged is as if it weren't there. A policy with hundreds of hosts (more than
8 KiB) is kept in memory alone. Without the volume, each worker goes on with what it has in memory.

## What do I watch?

The domain itself can hear of what failed, and of what went well: [tls-rpt.md](tls-rpt.md).

\`postrider_mta_sts_fetches_total\` and \`postrider_mta_sts_failures_total\` ([metrics.md](metrics.md)). The log of a pod has a warning for each fetch that failed while a policy was
cached: when that goes on for days, somebody may be in the way (RFC 8461 §10.2).

## What is done about a Policy Host?

Each line is a test with real DNS packets and real HTTPS, with nothing cached and with a policy cached whose id has changed: then the cached one holds,
and the fault is told. Both tables and the tests are made from [table.ts](../test/conformance/mta-sts/table.ts) by \`npm run gen\`.

${table(['a Policy Host that', 'and nothing cached: mail goes as if there were no policy, and this is told'], POLICY_HOSTS.map(had))}

## What is done about a mail host?

${table(['a mail host that is', '`enforce`', '`testing`', '`none`, or no policy'], MAIL_HOSTS.map(sent))}

STARTTLS that somebody has stripped from a reply is asked for nonetheless where it is needed: where the host takes it, its certificate says who it is.
`;
  return new Map([[PAGE, text]]);
}
