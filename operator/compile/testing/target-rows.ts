/** Rows of `field-table.ts` for the targets of a MailDomain that are neither a mail store nor a mail server. */
import type { Row } from './field-table.ts';

const webhook = (more: object) => ({
  type: 'Webhook',
  webhook: { url: 'https://a.example/', signingSecretRef: { name: 'k', key: 'k' }, ...more },
});
const hold = (more: object) => ({ type: 'Hold', hold: { etrnFrom: ['192.0.2.1'], ...more } });

export const targetRows: Readonly<Record<string, Row>> = {
  'target.webhook.url': [
    'config',
    { target: webhook({ url: 'https://b.example/' }) },
    { target: webhook({}) },
  ],
  'target.webhook.signingSecretRef.name': [
    'config',
    { target: webhook({ signingSecretRef: { name: 'other', key: 'k' } }) },
    { target: webhook({}) },
  ],
  'target.webhook.signingSecretRef.key': [
    'config',
    { target: webhook({ signingSecretRef: { name: 'k', key: 'other' } }) },
    { target: webhook({}) },
  ],
  'target.webhook.tlsPolicyRef.name': [
    'config',
    { target: webhook({ tlsPolicyRef: { name: 'policy' } }) },
    { target: webhook({}) },
  ],
  'target.hold.maxAge': ['config', { target: hold({ maxAge: '1h' }) }, { target: hold({}) }],
  'target.hold.etrnFrom[]': ['config', { target: hold({ etrnFrom: ['192.0.2.2'] }) }, { target: hold({}) }],
  'target.hold.users[]': ['config', { target: hold({ users: ['app'] }) }, { target: hold({}) }],
  'target.hold.hosts[].host': [
    'config',
    { target: hold({ hosts: [{ host: 'other' }] }) },
    { target: hold({}) },
  ],
  'target.hold.hosts[].port': [
    'config',
    { target: hold({ hosts: [{ host: 'a', port: 7 }] }) },
    { target: hold({ hosts: [{ host: 'a' }] }) },
  ],
  'target.hold.tlsPolicyRef.name': [
    'config',
    { target: hold({ tlsPolicyRef: { name: 'policy' } }) },
    { target: hold({}) },
  ],
};
