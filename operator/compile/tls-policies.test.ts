/** Tenants' policies are held against the fleet's (docs/decisions/0103). */
import { expect, it } from 'vitest';
import { reasons } from '../../crds/conditions.ts';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';
import type { Manifest } from './types.ts';

const MODES = ['None', 'Opportunistic', 'Required', 'Verified', 'DANE', 'Pinned'] as const;

const manifest = (kind: string, namespace: string, name: string, spec: object): Manifest => ({
  ...{ apiVersion: 'postrider.dev/v1alpha1', kind, metadata: { name, namespace } },
  spec: { ...(kind !== 'MTA' && { mtaRefs: [{ name: 'mta', namespace: 'mail' }] }), ...spec },
});

const policy = (namespace: string, mode: (typeof MODES)[number], more: object = {}): Manifest =>
  manifest('MailTLSPolicy', namespace, 'policy', {
    ...{ mode, ...(mode === 'Pinned' && { pins: [`${'A'.repeat(43)}=`] }) },
    ...more,
  });

const mta = manifest('MTA', 'mail', 'mta', {
  hostname: 'mail.example.test',
  dns: { servers: ['127.0.0.1'], validates: true },
  listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
  attachment: [
    {
      ...{ name: 'all', namespaces: { selector: {} }, domains: ['*'] },
      kinds: ['MailDomain', 'MailTLSPolicy'],
    },
  ],
});

const domain = manifest('MailDomain', 'shop', 'domain', {
  domain: 'shop.test',
  target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox.test' }], tlsPolicyRef: { name: 'policy' } } },
});

const diagnose = (...manifests: readonly Manifest[]) =>
  compile({ ...inputFrom('{}'), mta: { namespace: 'mail', name: 'mta' }, manifests, namespaces: {} })
    .diagnostics;

it.each(MODES.flatMap((floor) => MODES.map((mode) => [floor, mode] as const)))(
  'where the fleet asks for %s, a tenant may ask for %s as far as that is no less',
  (floor, mode) => {
    const found = diagnose(mta, policy('mail', floor, { destinations: ['*'] }), policy('shop', mode), domain);
    const refused = found.some(({ reason }) => reason === reasons.BelowTLSFloor);
    expect(refused).toBe(MODES.indexOf(mode) < MODES.indexOf(floor));
  },
);

it('a policy of mode DANE is not resolved where no resolver of the MTA is trusted', () => {
  const untrusted = { ...mta, spec: { ...(mta.spec as object), dns: { servers: ['127.0.0.1'] } } };
  const reasonsOf = (fleet: Manifest, mode: (typeof MODES)[number]) =>
    diagnose(fleet, policy('mail', mode))
      .filter(({ resource, status }) => resource.kind === 'MailTLSPolicy' && status === 'False')
      .map(({ condition, reason }) => `${condition} ${reason}`);
  expect(reasonsOf(untrusted, 'DANE')).toEqual(['ResolvedRefs ResolverNotTrusted']);
  expect(reasonsOf(mta, 'DANE')).toEqual([]);
  expect(reasonsOf(untrusted, 'Opportunistic')).toEqual([]);
});
