/** For every rule of every kind a spec that breaks it, and it alone. Rules are named by their message. */

export interface BrokenRule {
  readonly kind: string;
  readonly message: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

const mtaRefs = [{ name: 'mta' }];
const posted = (webhook: object) => ({
  type: 'Webhook',
  webhook: { signingSecretRef: { name: 'a' }, ...webhook },
});
const lmtp = { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox' }] } };

const listener = (more: object) => ({
  hostname: 'mail.example.test',
  listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, ...more }],
});
const service = (more: object) => ({ ...listener({}), services: [{ name: 'a', ...more }] });
const readBy = (peer: object) => ({ ...listener({}), metrics: { from: [peer] } });
const grant = (more: object) => ({
  ...listener({}),
  attachment: [{ name: 'a', namespaces: { names: ['a'] }, kinds: ['MailUser'], ...more }],
});
const expression = (more: object) =>
  grant({ namespaces: { selector: { matchExpressions: [{ key: 'a', ...more }] } } });
const domain = (more: object) => ({ mtaRefs, domain: 'example.test', target: lmtp, ...more });
const policy = (more: object) => ({ mtaRefs, ...more });
const user = (more: object) => ({ mtaRefs, username: 'a', senders: ['a@example.test'], ...more });

const rows: readonly (readonly [kind: string, message: string, spec: Readonly<Record<string, unknown>>])[] = [
  ['MTA', 'required needs a mode', listener({ tls: { mode: 'None', required: true } })],
  ['MTA', 'certificateRef has no use', listener({ tls: { mode: 'None', certificateRef: { name: 'a' } } })],
  ['MTA', 'issuerRef has no use', listener({ tls: { mode: 'None', issuerRef: { name: 'a' } } })],
  [
    'MTA',
    'a certificate comes from issuerRef or',
    listener({ tls: { issuerRef: { name: 'a' }, certificateRef: { name: 'a' } } }),
  ],
  [
    'MTA',
    'additionalCertificateRefs have no use',
    listener({ tls: { mode: 'None', additionalCertificateRefs: [{ name: 'a' }] } }),
  ],
  ['MTA', 'profile has no use', listener({ tls: { mode: 'None', profile: 'Modern' } })],
  ['MTA', 'clientAuth has no use', listener({ tls: { mode: 'None', clientAuth: { caRef: { name: 'a' } } } })],
  [
    'MTA',
    'clientAuth.mode Require would be left',
    listener({ tls: { clientAuth: { caRef: { name: 'a' }, mode: 'Require' } } }),
  ],
  ['MTA', 'dane is for STARTTLS', listener({ tls: { mode: 'Implicit', dane: {} } })],
  ['MTA', 'tls.dane is for what MX records', listener({ role: 'LMTP', tls: { dane: {} } })],
  ['MTA', 'dnsNames are names in', listener({ tls: { dnsNames: ['a.example'] } })],
  ['MTA', 'pods is the name of', service({ name: 'pods' })],
  [
    'MTA',
    'two listeners have the same port',
    {
      ...service({
        listeners: [
          { name: 'smtp', port: 25 },
          { name: 'inside', port: 25 },
        ],
      }),
      listeners: ['smtp', 'inside'].map((name, i) => ({ name, role: 'SMTP', port: 2525 + i })),
    },
  ],
  ['MTA', 'externalTrafficPolicy and nodePort are for', service({ externalTrafficPolicy: 'Local' })],
  [
    'MTA',
    'externalTrafficPolicy and nodePort are for',
    service({ listeners: [{ name: 'smtp', nodePort: 30025 }] }),
  ],
  ['MTA', 'with PreferDualStack or', service({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] })],
  ['MTA', 'with PreferDualStack or', service({ ipFamilies: ['IPv6', 'IPv4'] })],
  ['MTA', 'loadBalancerClass and loadBalancerSourceRanges', service({ loadBalancerClass: 'a' })],
  [
    'MTA',
    'loadBalancerClass and loadBalancerSourceRanges',
    service({ type: 'NodePort', loadBalancerSourceRanges: ['192.0.2.0/24'] }),
  ],
  ['MTA', 'dns.validates needs dns.servers on loopback', { ...listener({}), dns: { validates: true } }],
  [
    'MTA',
    'dns.validates needs dns.servers on loopback',
    { ...listener({}), dns: { validates: true, servers: ['127.0.0.1', '192.0.2.53'] } },
  ],
  ['MTA', 'services name a listener that is not', service({ listeners: [{ name: 'other' }] })],
  ['MTA', 'say either ipBlock, or', readBy({})],
  ['MTA', 'say either ipBlock, or', readBy({ podSelector: {}, ipBlock: { cidr: '192.0.2.0/24' } })],
  ['MTA', 'a Submission listener is for', listener({ role: 'Submission', auth: { mode: 'None' } })],
  ['MTA', 'futureRelease is for users', listener({ futureRelease: { max: '1h' } })],
  [
    'MTA',
    'futureRelease.max must be a second',
    listener({ role: 'Submission', futureRelease: { max: '0s' } }),
  ],
  [
    'MTA',
    'an ODMR listener takes no mail',
    listener({ role: 'ODMR', tls: { mode: 'STARTTLS' }, maxPriority: 1 }),
  ],
  [
    'MTA',
    'an ODMR listener is for users',
    listener({ role: 'ODMR', tls: { mode: 'STARTTLS' }, auth: { mode: 'Optional' } }),
  ],
  ['MTA', 'LMTP must not be used on port 25', listener({ role: 'LMTP', port: 25 })],
  [
    'MTA',
    'a Service must not have LMTP on port 25',
    { ...listener({ role: 'LMTP' }), services: [{ name: 'a', listeners: [{ name: 'smtp', port: 25 }] }] },
  ],
  ['MTA', 'AUTH could never be used', listener({ tls: { mode: 'None' }, auth: { mode: 'Optional' } })],
  ['MTA', 'AUTH could never be used', listener({ role: 'Submission', tls: { mode: 'None' } })],
  ['MTA', 'must be an IP network', listener({ relayFrom: ['10.0.0.0/33'] })],
  ['MTA', 'must be an IP network', { ...listener({}), egress: { allow: ['localhost'] } }],
  ['MTA', 'must be an IP network', listener({ proxyProtocol: { from: ['::1::'] } })],
  [
    'MTA',
    'relayFrom is for clients',
    listener({ relayFrom: ['192.0.2.1'], proxyProtocol: { from: ['192.0.2.1'] } }),
  ],
  ['MTA', 'from would let everybody speak for others', listener({ xclient: { from: ['0.0.0.0/0'] } })],
  [
    'MTA',
    'from would let everybody speak for others',
    listener({ xforward: { from: ['10.0.0.0/8', '::/0'] } }),
  ],
  [
    'MTA',
    'xclient is for peers that speak SMTP',
    listener({ xclient: { from: ['192.0.2.1'] }, proxyProtocol: { from: ['192.0.2.1'] } }),
  ],
  ['MTA', 'values are needed for In', expression({ operator: 'In' })],
  ['MTA', 'values are needed for In', expression({ operator: 'Exists', values: ['a'] })],
  ['MTA', 'name the namespaces in names', grant({ namespaces: {} })],
  ['MTA', 'say in domains which domains', grant({ kinds: ['MailDomain'] })],
  ['MTA', 'retry.initial must not be longer', { ...listener({}), delivery: { retry: { initial: '5h' } } }],
  [
    'MTA',
    'retry.initial must be at least 1s',
    { ...listener({}), delivery: { retry: { initial: '999ms' } } },
  ],
  ['MailDomain', 'lmtp is needed where', domain({ target: { type: 'LMTP' } })],
  ['MailDomain', 'smtp is needed where', domain({ target: { ...lmtp, smtp: { hosts: [{ host: 'a' }] } } })],
  ['MailDomain', 'webhook is needed where', domain({ target: { type: 'Webhook' } })],
  ['MailDomain', 'hold is needed where', domain({ target: { ...lmtp, hold: { etrnFrom: ['192.0.2.1'] } } })],
  ['MailDomain', 'nobody could ever ask for', domain({ target: { type: 'Hold', hold: {} } })],
  [
    'MailDomain',
    'tlsPolicyRef has no use with http',
    domain({ target: posted({ url: 'http://a.example/', tlsPolicyRef: { name: 'a' } }) }),
  ],
  ['MailDomain', 'must be an IP network', domain({ target: { type: 'Hold', hold: { etrnFrom: ['10/8'] } } })],
  ['MailDomain', 'maxAge must not be longer', domain({ mtaSts: { mode: 'Testing', maxAge: '8767h' } })],
  ['MailDomain', 'mx names hosts', domain({ mtaSts: { mode: 'Testing', mx: ['*'] } })],
  ['MailDomain', 'nobody would get the reports', domain({ tlsRpt: {} })],
  ['MailDomain', 'postmaster is for people', domain({ tlsRpt: { receive: { localPart: 'postmaster' } } })],
  [
    'MailDomain',
    'tlsRpt.receive.localPart stands in recipients.list',
    domain({
      recipients: { mode: 'List', list: ['anna', 'TLS-Reports'] },
      tlsRpt: { receive: {} },
    }),
  ],
  ['MailDomain', 'list has no use', domain({ recipients: { list: ['a'] } })],
  ['MailDomain', 'subaddressDelimiter has no use', domain({ recipients: { subaddressDelimiter: '+' } })],
  ['MailRelay', 'say which mail goes here', { mtaRefs, match: {}, hosts: [{ host: 'a' }] }],
  [
    'MailRelay',
    'per must be at least 1s',
    {
      mtaRefs,
      match: { recipientDomains: ['*'] },
      hosts: [{ host: 'a' }],
      limits: { rate: { messages: 1, per: '0s' } },
    },
  ],
  ['MailTLSPolicy', 'a listener takes mode', policy({ mode: 'Verified', listeners: ['smtp'] })],
  ['MailTLSPolicy', 'fallbackToClear is for', policy({ mode: 'Required', fallbackToClear: false })],
  ['MailTLSPolicy', 'caRef is for mode Verified', policy({ mode: 'Opportunistic', caRef: { name: 'a' } })],
  ['MailTLSPolicy', 'pins are needed', policy({ mode: 'Pinned' })],
  ['MailUser', 'say how the user authenticates', user({})],
  [
    'MailUser',
    'say how the user authenticates',
    user({ password: { generate: true }, serviceAccount: { name: 'a' } }),
  ],
  ['MailUser', 'name the Secret with the password', user({ password: {} })],
];

export const brokenRules: readonly BrokenRule[] = rows.map(([kind, message, spec]) => ({
  kind,
  message,
  spec,
}));

/** Too long by one; with a dot, as names of other objects may be; and what no Service may be called. */
export const badMtaNames = ['m'.repeat(53), 'mx.example', '1mta'];
