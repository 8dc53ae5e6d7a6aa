import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { policyCertificates } from './certificates.ts';

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
