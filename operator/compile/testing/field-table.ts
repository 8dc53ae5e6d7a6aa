/**
 * A row for every field of every kind: what to change, and what that is to do. `fields.test.ts` holds the table against
 * the schemas and against compile.
 *
 * - `config`: the config becomes another one.
 * - `attach`: it decides who may attach, which shows in the conditions.
 * - `key`: it tells the items of a list apart, for server-side apply; nothing changes.
 * - `cluster`: it is for the operator's objects alone; nothing changes here, and the description of the field, or of what it is in, says so.
 * - `notYet`: it is refused as NotYetSupported, by name.
 */
import { shapeRows } from './shape-rows.ts';
import { targetRows } from './target-rows.ts';

export type Effect = 'config' | 'attach' | 'key' | 'cluster' | 'notYet';
export type Changes = Readonly<Record<string, unknown>>;
/**
 * `set` replaces members of the spec, by path, in the base manifest of the kind; the outcome is compared with that of
 * `from`, which has the field's surroundings where the base hasn't, so that it is the field alone that counts.
 */
export type Row = readonly [effect: Effect, set: Changes, from?: Changes];

const listener = 'listeners[0]';
const clientAuth = (more: object): Changes => ({
  [`${listener}.tls`]: { required: true, clientAuth: { caRef: { name: 'authorities' }, ...more } },
});
const REPORTS = { 'tlsReports.send': true };
const grant = 'attachment[0]';
const expression = (more: object) => ({
  [`${grant}.namespaces`]: {
    selector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['team'], ...more }] },
  },
});
const mtaRefs: Record<string, Row> = {
  'mtaRefs[].name': ['attach', { 'mtaRefs[0].name': 'other' }],
  'mtaRefs[].namespace': ['attach', { 'mtaRefs[0].namespace': 'other' }],
};
const limits = (prefix: string, at: string): Record<string, Row> =>
  Object.fromEntries(
    Object.entries({
      messageSize: '1Mi',
      recipients: 500,
      transactionsPerSession: 7,
      errorsPerSession: 7,
      idleCommandsPerSession: 7,
      authFailuresPerSession: 7,
      sessionDuration: '7m',
      sessionSize: '7Mi',
      connections: 7,
      connectionsPerAddress: 7,
      lineLength: 7000,
      hops: 7,
      minDataRate: 7,
    }).map(([name, value]) => [`${prefix}.${name}`, ['config', { [`${at}.${name}`]: value }]] as const),
  );
const set = (effect: Effect, fields: Readonly<Record<string, unknown>>): Record<string, Row> =>
  Object.fromEntries(
    Object.entries(fields).map(([path, value]) => [path, [effect, { [path]: value }]] as const),
  );

const smtp = (more: object) => ({ type: 'SMTP', smtp: { hosts: [{ host: 'a' }], ...more } });
const credentials = { username: 'a', secretRef: { name: 'app', key: 'password' } };
const verifiedBy = { mode: 'Verified', caRef: { name: 'authorities' } };

export const fieldTable: Record<string, Record<string, Row>> = {
  MTA: {
    ...set('cluster', {
      replicas: 7,
      'storage.size': '7Gi',
      'storage.storageClassName': 'fast',
      deletionPolicy: 'Discard',
    }),
    ...shapeRows,
    ...set('config', {
      workers: 7,
      hostname: 'other.example.test',
      postmaster: 'a@example.test',
      'storage.mode': 'PerReplica',
      'storage.leaseTerm': '7s',
      'storage.inlineMessageSize': '7Ki',
      'storage.segmentSize': '7Mi',
      'storage.minFree': '7Mi',
      'delivery.retry.initial': '7s',
      'delivery.retry.factor': 7,
      'delivery.retry.max': '7h',
      'delivery.retry.jitterPercent': 7,
      'delivery.lifetime': '7h',
      'delivery.bounceLifetime': '7h',
      'delivery.delayWarning': '7h',
      'delivery.connectionsPerDestination': 7,
      'delivery.messagesPerConnection': 7,
      'delivery.idleConnection': '7s',
      'delivery.timeouts.connect': '7s',
      'delivery.timeouts.greeting': '7s',
      'delivery.timeouts.command': '7s',
      'delivery.timeouts.dataBlock': '7s',
      'delivery.timeouts.finalReply': '7s',
      'dns.timeout': '7s',
      'web.port': 7443,
      'log.level': 'debug',
      'log.redactAddresses': true,
      'log.historyDays': 77,
      'drain.timeout': '7s',
      ...REPORTS,
    }),
    'delivery.addressFamilies[]': ['config', { 'delivery.addressFamilies': ['IPv4'] }],
    'dns.servers[]': ['config', { 'dns.servers': ['192.0.2.53'] }],
    'dns.validates': [
      'config',
      { 'dns.servers': ['127.0.0.1'], 'dns.validates': true },
      { 'dns.servers': ['127.0.0.1'] },
    ],
    'tlsReports.organization': ['config', { ...REPORTS, 'tlsReports.organization': 'Ours' }, REPORTS],
    'tlsReports.contact': ['config', { ...REPORTS, 'tlsReports.contact': 'tls@example.test' }, REPORTS],
    'egress.allow[]': ['config', { 'egress.allow': ['10.0.0.0/8'] }],
    'egress.hostname': ['config', { 'egress.hostname': 'mx{ordinal}.example.test' }],
    'egress.sourceNetworks[]': ['config', { 'egress.sourceNetworks': ['192.0.2.0/24'] }],
    ...limits('limits', 'limits'),
    ...limits('listeners[].limits', `${listener}.limits`),
    'listeners[].name': ['config', { [`${listener}.name`]: 'other' }],
    'listeners[].role': ['config', { [`${listener}.role`]: 'Submission' }],
    'listeners[].port': ['config', { [`${listener}.port`]: 2526 }],
    'listeners[].futureRelease.max': [
      'config',
      { [`${listener}.role`]: 'Submission', [`${listener}.futureRelease`]: { max: '1h' } },
      { [`${listener}.role`]: 'Submission' },
    ],
    'listeners[].maxPriority': ['config', { [`${listener}.maxPriority`]: 3 }],
    'listeners[].hostname': ['config', { [`${listener}.hostname`]: 'mx.example.test' }],
    'listeners[].tls.mode': ['config', { [`${listener}.tls.mode`]: 'Implicit' }],
    'listeners[].tls.required': ['config', { [`${listener}.tls.required`]: true }],
    'listeners[].tls.profile': ['config', { [`${listener}.tls.profile`]: 'Modern' }],
    // There is no such Secret, so it is the config as a whole that goes.
    'listeners[].tls.certificateRef.name': [
      'config',
      { [`${listener}.tls.certificateRef`]: { name: 'absent' } },
    ],
    'listeners[].tls.issuerRef.name': ['cluster', { [`${listener}.tls.issuerRef`]: { name: 'a' } }],
    'listeners[].tls.issuerRef.kind': [
      'cluster',
      { [`${listener}.tls.issuerRef`]: { name: 'a', kind: 'ClusterIssuer' } },
    ],
    'listeners[].tls.issuerRef.group': [
      'cluster',
      { [`${listener}.tls.issuerRef`]: { name: 'a', group: 'issuers.example' } },
    ],
    'listeners[].tls.dnsNames[]': [
      'cluster',
      { [`${listener}.tls.issuerRef`]: { name: 'a' }, [`${listener}.tls.dnsNames`]: ['a.example'] },
    ],
    'listeners[].tls.additionalCertificateRefs[].name': [
      'config',
      { [`${listener}.tls.additionalCertificateRefs`]: [{ name: 'absent' }] },
    ],
    'listeners[].tls.dane.lead': ['cluster', { [`${listener}.tls.dane`]: { lead: '1h' } }],
    'listeners[].tls.dane.names[]': ['cluster', { [`${listener}.tls.dane`]: { names: ['mx.example'] } }],
    'listeners[].tls.clientAuth.caRef.name': [
      'config',
      clientAuth({ caRef: { name: 'absent' } }),
      clientAuth({}),
    ],
    'listeners[].tls.clientAuth.caRef.key': [
      'config',
      clientAuth({ caRef: { name: 'authorities', key: 'other' } }),
      clientAuth({}),
    ],
    'listeners[].tls.clientAuth.mode': ['config', clientAuth({ mode: 'Require' }), clientAuth({})],
    'listeners[].tls.clientAuth.relayFrom[]': [
      'config',
      clientAuth({ relayFrom: ['*.example'] }),
      clientAuth({}),
    ],
    'listeners[].auth.mode': ['config', { [`${listener}.auth.mode`]: 'Optional' }],
    'listeners[].auth.allowWithoutTLS': ['config', { [`${listener}.auth.allowWithoutTLS`]: true }],
    'listeners[].relayFrom[]': ['config', { [`${listener}.relayFrom`]: ['10.0.0.0/8'] }],
    'listeners[].proxyProtocol.from[]': [
      'config',
      { [`${listener}.proxyProtocol`]: { from: ['192.0.2.1'] } },
    ],
    'listeners[].xclient.from[]': ['config', { [`${listener}.xclient`]: { from: ['192.0.2.1'] } }],
    'listeners[].xforward.from[]': ['config', { [`${listener}.xforward`]: { from: ['192.0.2.1'] } }],
    'attachment[].name': ['key', { [`${grant}.name`]: 'other' }],
    'attachment[].namespaces.names[]': ['attach', { [`${grant}.namespaces.names`]: ['other'] }],
    'attachment[].namespaces.selector.matchLabels': [
      'attach',
      { [`${grant}.namespaces`]: { selector: { matchLabels: { tier: 'other' } } } },
      { [`${grant}.namespaces`]: { selector: {} } },
    ],
    'attachment[].namespaces.selector.matchExpressions[].key': [
      'attach',
      expression({ operator: 'In', key: 'other' }),
      expression({ operator: 'In' }),
    ],
    'attachment[].namespaces.selector.matchExpressions[].operator': [
      'attach',
      expression({}),
      expression({ operator: 'In' }),
    ],
    'attachment[].namespaces.selector.matchExpressions[].values[]': [
      'attach',
      expression({ operator: 'In', values: ['other'] }),
      expression({ operator: 'In' }),
    ],
    'attachment[].kinds[]': ['attach', { [`${grant}.kinds`]: ['MailUser'] }],
    'attachment[].domains[]': ['attach', { [`${grant}.domains`]: ['other.test'] }],
  },
  MailDomain: {
    ...mtaRefs,
    ...set('config', {
      domain: 'other.test',
      'limits.messageSize': '1Mi',
    }),
    'aliases[]': ['config', { aliases: ['other.test'] }],
    'recipients.mode': ['config', { 'recipients.mode': 'List' }],
    'recipients.list[]': [
      'config',
      { recipients: { mode: 'List', list: ['anna'] } },
      { recipients: { mode: 'List' } },
    ],
    'recipients.subaddressDelimiter': [
      'config',
      { recipients: { mode: 'List', subaddressDelimiter: '+' } },
      { recipients: { mode: 'List' } },
    ],
    'target.type': ['config', { target: smtp({}) }],
    'target.lmtp.hosts[].host': ['config', { 'target.lmtp.hosts[0].host': 'other' }],
    'target.lmtp.hosts[].port': ['config', { 'target.lmtp.hosts[0].port': 7 }],
    'target.lmtp.tlsPolicyRef.name': ['config', { 'target.lmtp.tlsPolicyRef': { name: 'policy' } }],
    'target.smtp.hosts[].host': [
      'config',
      { target: smtp({ hosts: [{ host: 'other' }] }) },
      { target: smtp({}) },
    ],
    'target.smtp.hosts[].port': [
      'config',
      { target: smtp({ hosts: [{ host: 'a', port: 7 }] }) },
      { target: smtp({}) },
    ],
    'target.smtp.tlsPolicyRef.name': [
      'config',
      { target: smtp({ tlsPolicyRef: { name: 'policy' } }) },
      { target: smtp({}) },
    ],
    ...targetRows,
    'dkim.keys[].selector': ['notYet', { dkim: { keys: [{ selector: 'a', secretRef: { name: 'a' } }] } }],
    'dkim.keys[].secretRef.name': [
      'notYet',
      { dkim: { keys: [{ selector: 'a', secretRef: { name: 'a' } }] } },
    ],
    'dkim.keys[].secretRef.key': [
      'notYet',
      { dkim: { keys: [{ selector: 'a', secretRef: { name: 'a', key: 'k' } }] } },
    ],
    'dkim.rotation.interval': ['notYet', { dkim: { rotation: { interval: '1h' } } }],
    'mtaSts.mode': ['config', { mtaSts: { mode: 'Enforce' } }, { mtaSts: { mode: 'Testing' } }],
    ...Object.fromEntries(
      Object.entries({ maxAge: '1h', mx: ['a.example'] }).map(([name, value]): [string, Row] => [
        `mtaSts.${name}${Array.isArray(value) ? '[]' : ''}`,
        ['config', { mtaSts: { mode: 'Testing', [name]: value } }, { mtaSts: { mode: 'Testing' } }],
      ]),
    ),
    'mtaSts.certificateRef.name': [
      'config',
      { mtaSts: { mode: 'Testing', certificateRef: { name: 'absent' } } },
      { mtaSts: { mode: 'Testing' } },
    ],
    'tlsRpt.receive.localPart': [
      'config',
      { tlsRpt: { receive: { localPart: 'a' } } },
      { tlsRpt: { receive: {} } },
    ],
    'tlsRpt.rua[]': [
      'config',
      { tlsRpt: { rua: ['mailto:a@example.test'] } },
      { tlsRpt: { rua: ['mailto:b@example.test'] } },
    ],
    'dmarc.policy': ['notYet', { dmarc: { policy: 'None' } }],
    'dmarc.rua[]': ['notYet', { dmarc: { policy: 'None', rua: ['mailto:a@example.test'] } }],
  },
  MailRelay: {
    ...mtaRefs,
    'match.recipientDomains[]': ['config', { 'match.recipientDomains': ['other.test'] }],
    'match.senderDomains[]': ['config', { 'match.senderDomains': ['other.test'] }],
    'match.users[]': ['config', { 'match.users': ['app'] }],
    'hosts[].host': ['config', { 'hosts[0].host': 'other' }],
    'hosts[].port': ['config', { 'hosts[0].port': 7 }],
    'hosts[].weight': ['config', { 'hosts[0].weight': 7 }],
    'hosts[].lookupMX': ['config', { 'hosts[0].lookupMX': true }],
    'tls.implicit': ['config', { 'tls.implicit': true }],
    'tls.policyRef.name': ['config', { 'tls.policyRef': { name: 'policy' } }],
    'credentials.username': ['config', { credentials: { ...credentials, username: 'b' } }, { credentials }],
    'credentials.secretRef.name': [
      'config',
      { credentials: { ...credentials, secretRef: { name: 'absent' } } },
      { credentials },
    ],
    'credentials.secretRef.key': [
      'config',
      { credentials: { ...credentials, secretRef: { name: 'app', key: 'other' } } },
      { credentials },
    ],
    'credentials.usernameKey': [
      'config',
      { credentials: { secretRef: { name: 'app' }, usernameKey: 'other' } },
      { credentials: { secretRef: { name: 'app' } } },
    ],
    'rewrite.envelopeFrom[].from': [
      'config',
      { 'rewrite.envelopeFrom': [{ from: 'a@*', to: 'a@b.test' }] },
      { 'rewrite.envelopeFrom': [{ from: '*', to: 'a@b.test' }] },
    ],
    'rewrite.envelopeFrom[].to': [
      'config',
      { 'rewrite.envelopeFrom': [{ from: '*', to: 'c@b.test' }] },
      { 'rewrite.envelopeFrom': [{ from: '*', to: 'a@b.test' }] },
    ],
    'rewrite.headerFrom[].from': [
      'config',
      { 'rewrite.headerFrom': [{ from: 'a@*', to: 'a@b.test' }] },
      { 'rewrite.headerFrom': [{ from: '*', to: 'a@b.test' }] },
    ],
    'rewrite.headerFrom[].to': [
      'config',
      { 'rewrite.headerFrom': [{ from: '*', to: 'c@b.test' }] },
      { 'rewrite.headerFrom': [{ from: '*', to: 'a@b.test' }] },
    ],
    'limits.connections': ['config', { 'limits.connections': 7 }],
    'limits.messagesPerConnection': ['config', { 'limits.messagesPerConnection': 7 }],
    'limits.rate.messages': [
      'config',
      { 'limits.rate': { messages: 7, per: '1m' } },
      { 'limits.rate': { messages: 8, per: '1m' } },
    ],
    'limits.rate.per': [
      'config',
      { 'limits.rate': { messages: 7, per: '1m' } },
      { 'limits.rate': { messages: 7, per: '1h' } },
    ],
  },
  MailTLSPolicy: {
    ...mtaRefs,
    'destinations[]': ['config', { destinations: ['bank.example'] }],
    'listeners[]': ['config', { mode: 'Required', listeners: ['smtp'] }, { mode: 'Required' }],
    mode: ['config', { mode: 'Required' }],
    fallbackToClear: ['config', { fallbackToClear: false }],
    minVersion: ['config', { minVersion: 'TLSv1.3' }],
    'caRef.name': ['config', { mode: 'Verified', caRef: { name: 'absent' } }, verifiedBy],
    'caRef.key': ['config', { mode: 'Verified', caRef: { name: 'authorities', key: 'other' } }, verifiedBy],
    'pins[]': [
      'config',
      { mode: 'Pinned', pins: [`${'A'.repeat(43)}=`] },
      { mode: 'Pinned', pins: [`${'B'.repeat(43)}=`] },
    ],
    requireTLS: ['config', { requireTLS: 'Always' }],
  },
  MailUser: {
    ...mtaRefs,
    username: ['config', { username: 'other' }],
    'password.secretRef.name': ['config', { 'password.secretRef.name': 'user-password' }],
    'password.secretRef.key': ['config', { 'password.secretRef.key': 'other' }],
    'password.generate': ['config', { password: { generate: true } }],
    'serviceAccount.name': ['notYet', { serviceAccount: { name: 'a' }, password: undefined }],
    'serviceAccount.audiences[]': [
      'notYet',
      { serviceAccount: { name: 'a', audiences: ['b'] }, password: undefined },
    ],
    'senders[]': ['config', { senders: ['*@example.test'] }],
    'limits.messageSize': ['config', { 'limits.messageSize': '1Mi' }],
    'limits.recipients': ['config', { 'limits.recipients': 7 }],
    'limits.rate.messages': ['notYet', { 'limits.rate': { messages: 7, per: '1m' } }],
    'limits.rate.per': ['notYet', { 'limits.rate': { messages: 7, per: '1m' } }],
  },
};
