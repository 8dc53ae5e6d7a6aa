import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { certificates, policyCertificates } from './certificates.ts';

const fleet = (web?: object) => ({
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }],
    web,
  }),
});
const wanted = [{ name: 'mta-sts-1', dnsNames: ['mta-sts.a.test', 'mta-sts.b.test'] }];

describe('certificates of Policy Hosts', () => {
  it('are made of the issuer of the web port, and go with the MTA', () => {
    const issuerRef = { name: 'ca', kind: 'ClusterIssuer', group: 'cert-manager.io' };
    const [made, ...others] = policyCertificates(fleet({ issuerRef }), wanted);
    expect(others).toEqual([]);
    expect(made!.metadata).toMatchObject({
      name: 'mta-sts-1',
      namespace: 'mail',
      ownerReferences: [{ uid: 'u' }],
    });
    expect(made!.spec).toMatchObject({
      ...{ secretName: 'mta-sts-1', dnsNames: ['mta-sts.a.test', 'mta-sts.b.test'], issuerRef },
      usages: ['digital signature', 'server auth'],
    });
  });

  it("are nobody else's where the MTA names no issuer", () => {
    expect(policyCertificates(fleet({}), wanted)).toEqual([]);
    expect(policyCertificates(fleet(), wanted)).toEqual([]);
  });
});

describe('certificates of listeners', () => {
  const of = (tls: object) =>
    certificates({
      ...{ namespace: 'mail', name: 'mta', uid: 'u' },
      spec: mta.spec.parse({
        hostname: 'Mail.example.test',
        listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls }],
      }),
    });

  it('are none where no issuer is named', () => {
    expect(of({ certificateRef: { name: 'a' } })).toEqual([]);
  });

  it('are for the hostname and further names, with a new key each time', () => {
    const [certificate] = of({ issuerRef: { name: 'a' }, dnsNames: ['mx.example.test'] });
    expect(certificate?.spec).toMatchObject({
      secretName: 'mta-tls-smtp',
      dnsNames: ['mail.example.test', 'mx.example.test'],
      privateKey: { rotationPolicy: 'Always' },
    });
  });

  it('keep their key where records of it are published', () => {
    expect(of({ issuerRef: { name: 'a' }, dane: {} })).toMatchObject([
      { spec: { privateKey: { rotationPolicy: 'Never' } } },
    ]);
  });
});
