/** The manifests that `field-table.ts` changes, one of each kind, with nothing to complain of. */
import type { CompileInput } from '../types.ts';
import { certificate } from './certificate.ts';
import { environment, inputFrom } from './manifests.ts';

const base = `
apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {name: mta, namespace: mail}
spec:
  hostname: mail.example.test
  listeners: [{name: smtp, role: SMTP, port: 2525, tls: {mode: STARTTLS}}]
  web: {}
  attachment: [{name: all, namespaces: {names: [shop]}, kinds: [MailDomain, MailTLSPolicy], domains: ["*"]}]
---
apiVersion: postrider.dev/v1alpha1
kind: MailDomain
metadata: {name: domain, namespace: shop}
spec:
  mtaRefs: [{name: mta, namespace: mail}]
  domain: example.test
  target: {type: LMTP, lmtp: {hosts: [{host: inbox}]}}
---
apiVersion: postrider.dev/v1alpha1
kind: MailRelay
metadata: {name: relay, namespace: mail}
spec:
  mtaRefs: [{name: mta}]
  match: {recipientDomains: [a.example]}
  hosts: [{host: relay}]
---
apiVersion: postrider.dev/v1alpha1
kind: MailTLSPolicy
metadata: {name: policy, namespace: mail}
spec:
  mtaRefs: [{name: mta}]
  mode: Opportunistic
---
apiVersion: postrider.dev/v1alpha1
kind: MailTLSPolicy
metadata: {name: policy, namespace: shop}
spec:
  mtaRefs: [{name: mta, namespace: mail}]
  mode: Verified
---
apiVersion: postrider.dev/v1alpha1
kind: MailUser
metadata: {name: user, namespace: mail}
spec:
  mtaRefs: [{name: mta}]
  username: app
  password: {secretRef: {name: app}}
  senders: [app@example.test]
---
apiVersion: v1
kind: Secret
metadata: {name: app, namespace: mail}
stringData: {password: secret, other: another, username: app}
---
apiVersion: v1
kind: Secret
metadata: {name: user-password, namespace: mail}
stringData: {password: generated}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: team}}
`;

const given = inputFrom(base);

export const fieldBase: CompileInput = {
  ...given,
  secrets: [
    ...given.secrets,
    { namespace: 'mail', name: 'authorities', values: { 'ca.crt': certificate, other: 'none' } },
  ],
  environment: { ...environment, fallbackCertificate: { certificate: 'certificate', key: 'key' } },
};
