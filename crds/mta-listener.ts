/** A port of an MTA on which mail comes in. */
import { z } from 'zod';
import {
  cidrs,
  domainName,
  domainPattern,
  duration,
  itemName,
  objectName,
  port,
  secretKeyRef,
} from './fields.ts';
import { issuerRef } from './issuer-ref.ts';
import { dane } from './mta-dane.ts';
import { limitsOf } from './mta-limits.ts';
import { mapList, setList, withRules } from './rules.ts';
import { parseDuration } from './units.ts';

const listenerTls = withRules(
  z.strictObject({
    mode: z
      .enum(['None', 'STARTTLS', 'Implicit'])
      .default('STARTTLS')
      .describe(
        'None: clear text only. STARTTLS: the client may switch to TLS. Implicit: TLS from the first byte, as on port 465.',
      ),
    required: z
      .boolean()
      .default(false)
      .describe(
        'Refuse MAIL and AUTH with 530 5.7.0 until the session is in TLS. Leave it off on the SMTP listener of a public domain: a good part of the world would be shut out.',
      ),
    profile: z
      .enum(['Modern', 'Intermediate'])
      .optional()
      .describe(
        "Versions and ciphers, by Mozilla's recommendation. Modern: TLS 1.3 alone. Intermediate: TLS 1.2 too, with its good ciphers. Modern where nothing is taken in clear text (required, or mode Implicit), Intermediate where it is: a client that can't do TLS 1.3 would send in clear text there.",
      ),
    certificateRef: z
      .strictObject({
        name: objectName().describe(
          'Name of the Secret, of type kubernetes.io/tls, in the namespace of the MTA.',
        ),
      })
      .optional()
      .describe(
        'Secret with the certificate chain (tls.crt) and its key (tls.key), such as cert-manager writes. This or issuerRef is needed unless mode is None; the local mode makes a certificate of its own.',
      ),
    issuerRef: issuerRef()
      .optional()
      .describe(
        "Let cert-manager issue the certificate, for the listener's hostname: the operator makes a Certificate, whose Secret the listener uses, renewed ones too. In place of certificateRef. Cluster only: the local mode makes a certificate of its own.",
      ),
    dnsNames: setList(domainName(), 32)
      .default([])
      .describe(
        'Further names in the certificate that issuerRef issues, such as those of MX records. Cluster only.',
      ),
    additionalCertificateRefs: mapList(
      z.strictObject({
        name: objectName().describe(
          'Name of the Secret, of type kubernetes.io/tls, in the namespace of the MTA.',
        ),
      }),
      ['name'],
      16,
    )
      .default([])
      .describe(
        'Further Secrets like that of certificateRef. A client that asks for a name (SNI) is shown the first that has that name, or else the first with a wildcard for it; any other client the one of certificateRef or issuerRef, and one for the same names with another kind of key (RSA, ECDSA) where its algorithms ask for that.',
      ),
    dane,
    clientAuth: z
      .strictObject({
        caRef: secretKeyRef('ca.crt').describe(
          'Authorities whose client certificates count, PEM. Whoever gets one of them signed is believed: name one of your own.',
        ),
        mode: z
          .enum(['Request', 'Require'])
          .default('Request')
          .describe(
            'Request: clients are asked for a certificate, and go on without. Require: whoever has none that verifies is answered 554 5.7.0.',
          ),
        relayFrom: setList(domainPattern(), 256)
          .default([])
          .describe(
            'Clients that may send to any domain without AUTH, as those in relayFrom of the listener, by a DNS name in their certificate: gateway.example.org, *.apps.example.org for every name below it, or * for every certificate of these authorities. Empty is the default: nobody.',
          ),
      })
      .optional()
      .describe(
        'Ask clients for a certificate. Who they are by it is in the mail log, and what they may do is in relayFrom.',
      ),
  }),
  [
    {
      rule: "!(self.required && self.mode == 'None')",
      message:
        'required needs a mode other than None: set mode to STARTTLS or Implicit, or required to false',
      fieldPath: '.required',
      holds: (self) => !(self.required && self.mode === 'None'),
    },
    {
      rule: "!(has(self.certificateRef) && self.mode == 'None')",
      message: 'certificateRef has no use with mode None: set mode to STARTTLS or Implicit, or leave it out',
      fieldPath: '.certificateRef',
      holds: (self) => !(self.certificateRef !== undefined && self.mode === 'None'),
    },
    {
      rule: "!(has(self.issuerRef) && self.mode == 'None')",
      message: 'issuerRef has no use with mode None: set mode to STARTTLS or Implicit, or leave it out',
      fieldPath: '.issuerRef',
      holds: (self) => !(self.issuerRef !== undefined && self.mode === 'None'),
    },
    {
      rule: "!(size(self.additionalCertificateRefs) > 0 && self.mode == 'None')",
      message:
        'additionalCertificateRefs have no use with mode None: set mode to STARTTLS or Implicit, or leave them out',
      fieldPath: '.additionalCertificateRefs',
      holds: (self) => !(self.additionalCertificateRefs.length > 0 && self.mode === 'None'),
    },
    {
      rule: "!(has(self.profile) && self.mode == 'None')",
      message: 'profile has no use with mode None: set mode to STARTTLS or Implicit, or leave it out',
      fieldPath: '.profile',
      holds: (self) => !(self.profile !== undefined && self.mode === 'None'),
    },
    {
      rule: "!has(self.dane) || self.mode == 'STARTTLS'",
      message:
        'dane is for STARTTLS, by which mail servers send (RFC 7672): leave it out, or set mode to STARTTLS',
      fieldPath: '.dane',
      holds: (self) => self.dane === undefined || self.mode === 'STARTTLS',
    },
    {
      rule: "!(has(self.clientAuth) && self.mode == 'None')",
      message: 'clientAuth has no use with mode None: set mode to STARTTLS or Implicit, or leave it out',
      fieldPath: '.clientAuth',
      holds: (self) => !(self.clientAuth !== undefined && self.mode === 'None'),
    },
    {
      rule: "!(has(self.clientAuth) && self.clientAuth.mode == 'Require' && self.mode == 'STARTTLS' && !self.required)",
      message:
        'clientAuth.mode Require would be left by whoever stays in clear text: set required to true too, or mode to Implicit',
      fieldPath: '.clientAuth.mode',
      holds: (self) => !(self.clientAuth?.mode === 'Require' && self.mode === 'STARTTLS' && !self.required),
    },
    {
      rule: '!(has(self.issuerRef) && has(self.certificateRef))',
      message: 'a certificate comes from issuerRef or from certificateRef: leave one of them out',
      fieldPath: '.issuerRef',
      holds: (self) => !(self.issuerRef !== undefined && self.certificateRef !== undefined),
    },
    {
      rule: 'size(self.dnsNames) == 0 || has(self.issuerRef)',
      message:
        'dnsNames are names in the certificate that issuerRef issues: name the issuer, or leave them out',
      fieldPath: '.dnsNames',
      holds: (self) => self.dnsNames.length === 0 || self.issuerRef !== undefined,
    },
  ],
);

/** Who says who others are is believed: never everybody. */
const peers = (description: string) =>
  withRules(z.strictObject({ from: cidrs(32).min(1).describe('Addresses of the peers.') }), [
    {
      rule: "!self.from.exists(n, n.endsWith('/0'))",
      message: 'from would let everybody speak for others: name the addresses of the peers alone',
      fieldPath: '.from',
      holds: (self) => !self.from.some((network) => network.endsWith('/0')),
    },
  ])
    .optional()
    .describe(description);

/** Roles whose listeners offer no AUTH where nothing is said of it. */
export const AUTH_IS_LEFT_OUT: ReadonlySet<string> = new Set(['SMTP', 'LMTP']);

export const listener = withRules(
  z.strictObject({
    name: itemName().describe('Name of the listener, unique in the MTA: for logs, metrics and policies.'),
    role: z
      .enum(['SMTP', 'Submission', 'LMTP', 'ODMR'])
      .describe(
        'SMTP: takes mail for the domains of this fleet from anyone (port 25). Submission: takes mail to anywhere from users who authenticate (ports 587 and 465, RFC 6409). LMTP: takes mail as SMTP does, from servers that hand it over by LMTP, and answers for each recipient (any port but 25, such as 24; RFC 2033). ODMR: takes no mail, and gives users who authenticate what waits for their domains, by ATRN (port 366, RFC 2645).',
      ),
    port: port().describe(
      'TCP port that the processes listen on. Pods have no privileges: choose one above 1023 and let the Service map 25, 465 or 587 to it.',
    ),
    hostname: domainName()
      .optional()
      .describe("Name in the greeting and in Received; the fleet's hostname where absent."),
    tls: listenerTls.prefault({}).describe('TLS of this listener.'),
    auth: z
      .strictObject({
        mode: z
          .enum(['None', 'Optional', 'Required'])
          .optional()
          .describe(
            'None: AUTH is not offered. Optional: a user who authenticates may send to anywhere. Required: nothing is taken from anyone else. Required where the role is Submission or ODMR, None where it is SMTP or LMTP.',
          ),
        allowWithoutTLS: z
          .boolean()
          .default(false)
          .describe(
            'Offer AUTH in clear text too. Passwords can then be read on the way: for loopback only.',
          ),
      })
      .prefault({})
      .describe('Whether users can authenticate here (PLAIN and LOGIN, against MailUser).'),
    relayFrom: cidrs()
      .default([])
      .describe(
        'Client networks that may send to any domain without AUTH. Empty is the default: nobody. An open relay is one line away, keep these networks small.',
      ),
    proxyProtocol: z
      .strictObject({
        from: cidrs()
          .min(1)
          .describe('Addresses of the load balancers. From any other address no PROXY header is taken.'),
      })
      .optional()
      .describe(
        'Take the client address from the PROXY protocol, version 1 or 2, of these load balancers. A connection of theirs without it is closed.',
      ),
    xclient: peers(
      'Peers that may speak in the place of other clients, by the command XCLIENT of Postfix: proxies and filters before this listener. What they say of a client, its user among it, is believed without a password, and counts for policy, limits, log and Received.',
    ),
    xforward: peers(
      'Peers that may say where the next message came from, by the command XFORWARD of Postfix: for the mail log alone.',
    ),
    futureRelease: z
      .strictObject({
        max: duration().describe('How far away the time may be that they ask for: 168h is a week.'),
      })
      .optional()
      .describe(
        'Let users have their mail held until a time that they name (FUTURERELEASE, RFC 4865). Its lifetime counts from then. Only where the role is Submission.',
      ),
    maxPriority: z
      .int()
      .min(0)
      .max(9)
      .default(0)
      .describe(
        'The highest priority that users, and clients in relayFrom, may ask for (MT-PRIORITY, RFC 6710); mail that asks for more gets this one. Anybody may ask for one below 0. What has a higher priority is tried first.',
      ),
    limits: z
      .strictObject(limitsOf('own'))
      .prefault({})
      .describe("Limits of this listener where they differ from the MTA's."),
  }),
  [
    {
      rule: '!has(self.proxyProtocol) || !self.proxyProtocol.from.exists(n, n in self.relayFrom)',
      message:
        'relayFrom is for clients: a load balancer in it could relay for anyone whose address it does not tell',
      fieldPath: '.relayFrom',
      holds: ({ proxyProtocol, relayFrom }) =>
        proxyProtocol === undefined || !proxyProtocol.from.some((network) => relayFrom.includes(network)),
    },
    {
      rule: '!has(self.proxyProtocol) || !has(self.xclient) || !self.proxyProtocol.from.exists(n, n in self.xclient.from)',
      message:
        'xclient is for peers that speak SMTP: a load balancer in it could be anyone whose address it does not tell',
      fieldPath: '.xclient',
      holds: ({ proxyProtocol, xclient }) =>
        !proxyProtocol?.from.some((network) => xclient?.from.includes(network) ?? false),
    },
    {
      rule: "!(self.role == 'Submission' && has(self.auth.mode) && self.auth.mode == 'None')",
      message:
        'a Submission listener is for users who authenticate: set auth.mode to Required or Optional, or role to SMTP',
      fieldPath: '.auth',
      holds: (self) => !(self.role === 'Submission' && self.auth.mode === 'None'),
    },
    {
      rule: "!has(self.tls.dane) || self.role == 'SMTP'",
      message: 'tls.dane is for what MX records lead to: leave it out, or set role to SMTP',
      fieldPath: '.tls.dane',
      holds: (self) => self.tls.dane === undefined || self.role === 'SMTP',
    },
    {
      rule: "!has(self.futureRelease) || self.role == 'Submission'",
      message: 'futureRelease is for users: leave it out, or set role to Submission',
      fieldPath: '.futureRelease',
      holds: (self) => self.futureRelease === undefined || self.role === 'Submission',
    },
    {
      rule: "!has(self.futureRelease) || duration(self.futureRelease.max) >= duration('1s')",
      message: 'futureRelease.max must be a second at least',
      fieldPath: '.futureRelease',
      holds: (self) => self.futureRelease === undefined || parseDuration(self.futureRelease.max) >= 1,
    },
    {
      rule: "!(self.role == 'ODMR' && self.maxPriority > 0)",
      message: 'an ODMR listener takes no mail: leave maxPriority out',
      fieldPath: '.maxPriority',
      holds: (self) => !(self.role === 'ODMR' && self.maxPriority > 0),
    },
    {
      rule: "!(self.role == 'LMTP' && self.port == 25)",
      message:
        'LMTP must not be used on port 25, which is for SMTP (RFC 2033): choose another one, such as 2424',
      fieldPath: '.port',
      holds: (self) => !(self.role === 'LMTP' && self.port === 25),
    },
    {
      rule: "!(self.role == 'ODMR' && ((has(self.auth.mode) && self.auth.mode != 'Required') || size(self.relayFrom) > 0))",
      message:
        'an ODMR listener is for users who authenticate, and relays nothing: leave auth.mode and relayFrom out',
      fieldPath: '.auth',
      holds: (self) =>
        !(
          self.role === 'ODMR' &&
          ((self.auth.mode !== undefined && self.auth.mode !== 'Required') || self.relayFrom.length > 0)
        ),
    },
    {
      rule: "!(self.tls.mode == 'None' && !self.auth.allowWithoutTLS && (has(self.auth.mode) ? self.auth.mode != 'None' : !(self.role in ['SMTP', 'LMTP'])))",
      message:
        'AUTH could never be used: give the listener TLS, or set auth.allowWithoutTLS on loopback, or auth.mode to None',
      fieldPath: '.auth',
      holds: (self) =>
        !(
          self.tls.mode === 'None' &&
          !self.auth.allowWithoutTLS &&
          (self.auth.mode !== undefined ? self.auth.mode !== 'None' : !AUTH_IS_LEFT_OUT.has(self.role))
        ),
    },
  ],
);
