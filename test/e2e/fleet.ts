/** The resources of the tests: a fleet, a domain whose mail goes to a store, and a relay for all other mail. */
import { API_VERSION } from '../../crds/kind.ts';
import { STORAGE_CLASS } from './volumes.ts';

export const NAMESPACE = 'mail';
export const FLEET = 'mta';
export const HOSTNAME = 'mx.example.test';
export const USERNAME = 'app@sender.test';
/** A second one, each pod of which has a volume of its own. */
export const OWN_VOLUMES = 'own';
const mtaRefs = [{ name: FLEET }];

const resource = <Spec extends object>(kind: string, name: string, spec: Spec) => ({
  ...{ apiVersion: API_VERSION, kind, metadata: { namespace: NAMESPACE, name }, spec },
});

/** @param clients networks that may relay */
export const mta = (clients: readonly string[], more: object = {}, name = FLEET) =>
  resource('MTA', name, {
    replicas: 2,
    workers: 1,
    hostname: HOSTNAME,
    listeners: [
      {
        ...{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' }, relayFrom: clients },
        limits: { connectionsPerAddress: 1000 },
      },
      {
        ...{ name: 'submission', role: 'Submission', port: 2587 },
        tls: { mode: 'STARTTLS', required: true, certificateRef: { name: 'tls' } },
      },
    ],
    storage: { mode: 'Shared', storageClassName: STORAGE_CLASS },
    delivery: { retry: { initial: '1s', max: '5s' }, addressFamilies: ['IPv4'] },
    drain: { timeout: '30s' },
    ...more,
  });

export const domain = (name: string, of: string, host: string, more: object = {}) =>
  resource('MailDomain', name, {
    mtaRefs,
    domain: of,
    target: { type: 'LMTP', lmtp: { hosts: [{ host: `${host}.${NAMESPACE}.svc.cluster.local` }] } },
    ...more,
  });

export const relay = (name: string, recipientDomain: string, host: string, more: object = {}) =>
  resource('MailRelay', name, {
    mtaRefs,
    match: { recipientDomains: [recipientDomain] },
    hosts: [{ host: `${host}.${NAMESPACE}.svc.cluster.local`, port: 25 }],
    ...more,
  });

/** Who submits with the password of the Secret. */
export const user = (secret: string) =>
  resource('MailUser', 'app', {
    ...{ mtaRefs, username: USERNAME, password: { secretRef: { name: secret } }, senders: [USERNAME] },
  });

/** @param data not in base64 */
export const secret = (name: string, type: string, data: Readonly<Record<string, string>>) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: NAMESPACE, name }, type, stringData: data },
});

export const certificateSecret = ({ certificate, key }: { certificate: string; key: string }) =>
  secret('tls', 'kubernetes.io/tls', { 'tls.crt': certificate, 'tls.key': key });

export const passwordSecret = (password: string) => secret('app-password', 'Opaque', { password });
