import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { compile } from './compile.ts';
import { environment, inputFrom } from './testing/manifests.ts';

function compiled(spec: object) {
  const mta = {
    ...{ apiVersion: 'postrider.dev/v1alpha1', kind: 'MTA', metadata: { namespace: 'mail', name: 'mta' } },
    spec: { hostname: 'mail.example.org', listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }], ...spec },
  };
  const fallbackCertificate = { certificate: 'certificate', key: 'key' };
  return compile(inputFrom(stringify(mta), { environment: { ...environment, fallbackCertificate } }));
}

describe('spec.tlsReports', () => {
  it.each([{}, { tlsReports: {} }, { tlsReports: { organization: 'Ours', contact: 'a@b.test' } }])(
    'is nothing that is not asked for: %j',
    (spec) => {
      const { config } = compiled(spec);
      expect(config).toBeDefined();
      expect(config).not.toHaveProperty('tlsReports');
    },
  );

  it.each([
    [{}, {}, { organization: 'mail.example.org', contact: 'postmaster@mail.example.org' }],
    [{ postmaster: 'ops@example.org' }, {}, { organization: 'mail.example.org', contact: 'ops@example.org' }],
    [
      {},
      { organization: 'Söhne', contact: 'tls@bücher.test' },
      { organization: 'Söhne', contact: 'tls@xn--bcher-kva.test' },
    ],
  ])('says who reports: %j %j', (spec, tlsReports, expected) => {
    const { config } = compiled({ ...spec, tlsReports: { send: true, ...tlsReports } });
    expect(config?.tlsReports).toEqual(expected);
  });

  it.each([
    [
      { tlsReports: { send: true, contact: 'jürgen@example.org' } },
      'spec.tlsReports.contact: jürgen@example.org is not',
    ],
    [
      { postmaster: 'jürgen@example.org', tlsReports: { send: true } },
      'spec.tlsReports.contact: jürgen@example.org is not',
    ],
  ])('is refused without a contact in ASCII: %j', (spec, message) => {
    const { config, diagnostics } = compiled(spec);
    expect(config).toBeUndefined();
    expect(diagnostics).toContainEqual(
      expect.objectContaining({
        status: 'False',
        reason: 'Invalid',
        message: expect.stringContaining(message),
      }),
    );
  });
});
