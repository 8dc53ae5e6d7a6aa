import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../operator/compile/types.ts';
import { testConfig } from '../../test/support/config.ts';
import { collect } from '../manifests/collect.ts';
import { faultLines, findingLines, findingsOf } from './findings.ts';

const text = `apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {name: a, namespace: mail}
spec:
  listeners:
    - port: 99999
---
apiVersion: postrider.dev/v1alpha1
kind: MailUser
metadata: {name: demo}
---
apiVersion: v1
kind: Service
metadata: {name: web}
---
- nothing
`;
const config = testConfig('/nowhere', { smtp: 1, submission: 2, health: 3, control: 4 });
const manifests = collect([{ path: 'dir/a.yaml', text }], ['MTA', 'MailUser']);
const mta = { kind: 'MTA', namespace: 'mail', name: 'a' };
const user = { kind: 'MailUser', namespace: 'default', name: 'demo' };
const diagnostics: Diagnostic[] = [
  {
    resource: mta,
    path: 'spec.listeners[0].port',
    condition: 'Accepted',
    status: 'False',
    reason: 'Invalid',
    message: 'spec.listeners[0].port: too big',
  },
  {
    resource: user,
    condition: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: 'Part of the config',
  },
  {
    resource: user,
    condition: 'ResolvedRefs',
    status: 'False',
    reason: 'SecretNotFound',
    message: 'there is no Secret default/x',
  },
];

describe('findings', () => {
  const findings = findingsOf({ manifests, diagnostics, config });

  it('are told to people resource by resource', () => {
    expect(findingLines(findings)).toEqual([
      '  wrong     dir/a.yaml:16:1  InvalidYAML: A Kubernetes object was expected here: a map with apiVersion, kind and metadata',
      '  wrong     MTA/mail/a     dir/a.yaml:1:1',
      '            dir/a.yaml:6:13  spec.listeners[0].port: Invalid: too big',
      '  wrong     MailUser/demo  dir/a.yaml:8:1',
      '            dir/a.yaml:8:1  SecretNotFound: there is no Secret default/x',
      '  ignored   Service/web    dir/a.yaml:12:1',
    ]);
  });

  it('are told to pipelines fault by fault', () => {
    expect(faultLines(findings)).toEqual([
      'dir/a.yaml:16:1: InvalidYAML: A Kubernetes object was expected here: a map with apiVersion, kind and metadata',
      'dir/a.yaml:6:13: MTA/mail/a: spec.listeners[0].port: Invalid: too big',
      'dir/a.yaml:8:1: MailUser/demo: SecretNotFound: there is no Secret default/x',
    ]);
  });

  it('can’t move the cursor', () => {
    const bad = [{ ...diagnostics[0]!, message: 'a\u001b[2J\u009bb\u202e is no domain' }];
    const told = findingsOf({ manifests, diagnostics: bad, config });
    for (const line of [...findingLines(told), ...faultLines(told)]) expect(line).not.toMatch(/\p{C}/u);
    expect(faultLines(told).at(-1)).toContain('a?[2J?b? is no domain');
  });

  it('are all well only where nothing is wrong', () => {
    expect(findings.ok).toBe(false);
    const clean = { ...manifests, problems: [] };
    expect(findingsOf({ manifests: clean, diagnostics: diagnostics.slice(1), config }).ok).toBe(false);
    const tolerant = findingsOf(
      { manifests: clean, diagnostics: diagnostics.slice(1), config },
      new Set(['SecretNotFound']),
    );
    expect(tolerant.ok).toBe(true);
    expect(tolerant.resources.map(({ state }) => state)).toEqual(['ignored', 'accepted', 'ignored']);
  });

  it('say of what compile was silent about, for want of an MTA, that it was skipped', () => {
    const broken = findingsOf({ manifests, diagnostics: diagnostics.slice(0, 1), config: undefined });
    expect(broken.resources.map(({ state }) => state)).toEqual(['wrong', 'skipped', 'ignored']);
  });
});
