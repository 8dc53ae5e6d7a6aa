/** Which modes of a tenant's policy are enough where the fleet asks for MTA-STS, and what the mode is enough for. */
import { expect, it } from 'vitest';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';
import type { Manifest } from './types.ts';

const apiVersion = 'postrider.dev/v1alpha1';
const mta: Manifest = {
  ...{ apiVersion, kind: 'MTA', metadata: { name: 'mta', namespace: 'mail' } },
  spec: {
    hostname: 'mx.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
    attachment: [
      { name: 'all', namespaces: { selector: {} }, kinds: ['MailDomain', 'MailTLSPolicy'], domains: ['*'] },
    ],
  },
};
const policy = (namespace: string, spec: object): Manifest => ({
  ...{ apiVersion, kind: 'MailTLSPolicy', metadata: { name: 'policy', namespace } },
  spec: { mtaRefs: [{ name: 'mta', namespace: 'mail' }], ...spec },
});
const domain: Manifest = {
  ...{ apiVersion, kind: 'MailDomain', metadata: { name: 'domain', namespace: 'shop' } },
  spec: {
    mtaRefs: [{ name: 'mta', namespace: 'mail' }],
    domain: 'shop.test',
    target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox' }], tlsPolicyRef: { name: 'policy' } } },
  },
};

const strict = { fallbackToClear: false };
const pins = [`${'A'.repeat(43)}=`];

it.each<[string, object, string, object, boolean]>([
  ['MTASTS', {}, 'MTASTS', {}, true],
  ['MTASTS', {}, 'MTASTS', strict, true],
  ['MTASTS', strict, 'MTASTS', {}, false],
  ['MTASTS', {}, 'None', {}, false],
  ['MTASTS', {}, 'Opportunistic', strict, false],
  // What a domain enforces is more than any certificate.
  ['MTASTS', {}, 'Required', {}, false],
  ['MTASTS', strict, 'Verified', {}, true],
  ['MTASTS', {}, 'DANE', {}, true],
  ['MTASTS', {}, 'DANEOrMTASTS', {}, true],
  ['Verified', {}, 'DANEOrMTASTS', {}, true],
  ['DANEOrMTASTS', {}, 'Verified', {}, false],
  ['DANEOrMTASTS', {}, 'DANE', {}, true],
  ['DANE', {}, 'DANEOrMTASTS', {}, false],
  ['MTASTS', {}, 'Pinned', { pins }, true],
  ['None', {}, 'MTASTS', {}, true],
  ['Opportunistic', {}, 'MTASTS', {}, true],
  ['Opportunistic', strict, 'MTASTS', {}, false],
  ['Opportunistic', strict, 'MTASTS', strict, true],
  // Without a policy there may be clear text.
  ['Required', {}, 'MTASTS', strict, false],
  ['Verified', {}, 'MTASTS', strict, false],
])('to a fleet with %s %j, %s %j is enough: %j', (floor, more, mode, own, enough) => {
  const { diagnostics } = compile({
    ...inputFrom('{}'),
    mta: { namespace: 'mail', name: 'mta' },
    manifests: [
      mta,
      policy('mail', { mode: floor, destinations: ['*'], ...more }),
      policy('shop', { mode, ...own }),
      domain,
    ],
    namespaces: {},
  });
  const refused = diagnostics.filter(({ reason }) => reason === 'BelowTLSFloor');
  expect(refused.map(({ path }) => path)).toEqual(enough ? [] : ['spec.target.lmtp.tlsPolicyRef']);
});
