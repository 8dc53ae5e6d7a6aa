import { describe, expect, it } from 'vitest';
import { reasons } from '../../crds/conditions.ts';
import type { Diagnostic } from '../compile/types.ts';
import { conditionsOf, type Facts } from './rules.ts';

const resource = { kind: 'MailRelay', namespace: 'mail', name: 'out' };
const finding = (
  condition: Diagnostic['condition'],
  status: Diagnostic['status'],
  reason: string,
  message = `it is ${reason}`,
): Diagnostic => ({ resource, condition, status, reason, message });

const accepted = finding('Accepted', 'True', reasons.Accepted);
const resolved = finding('ResolvedRefs', 'True', reasons.ResolvedRefs);
const noSecret = finding('ResolvedRefs', 'False', reasons.SecretNotFound);
const fragment = { generation: 3, digest: 'd', revision: 7 };
const good: Facts = { findings: [accepted, resolved], fragment, loaded: 7, refusal: undefined };

/** `Accepted=True/Accepted`, in order. */
const shown = (facts: Facts): string =>
  [...conditionsOf(facts)].map(([type, { status, reason }]) => `${type}=${status}/${reason}`).join(' ');

describe('the conditions of a resource in a fleet', () => {
  it.each<[string, Partial<Facts>, string]>([
    [
      'where all is well',
      {},
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Ready=True/Ready',
    ],
    [
      'where pods have loaded later revisions',
      { loaded: 9 },
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Ready=True/Ready',
    ],
    [
      'where a pod has not loaded it',
      { loaded: 6 },
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=False/Pending Ready=False/Pending Reconciling=True/Pending',
    ],
    [
      'where no pod serves',
      { loaded: undefined },
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=False/NoPods Ready=False/NoPods Reconciling=True/NoPods',
    ],
    [
      'where a pod refuses the config that brought it',
      { loaded: 6, refusal: { pod: 'mta-1', revision: 8, reason: 'no such port' } },
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=False/ConfigRefused Ready=False/ConfigRefused Stalled=True/ConfigRefused',
    ],
    [
      'where a pod refuses a later config',
      { loaded: 7, refusal: { pod: 'mta-1', revision: 8, reason: 'no such port' } },
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Ready=True/Ready',
    ],
    [
      'where a pod has refused an older one',
      { refusal: { pod: 'mta-1', revision: 6, reason: 'no such port' } },
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Ready=True/Ready',
    ],
    [
      'where it is refused',
      { findings: [finding('Accepted', 'False', reasons.Conflicted)], fragment: undefined },
      'Accepted=False/Conflicted ResolvedRefs=Unknown/NotAccepted Programmed=False/NotAccepted Ready=False/Conflicted Stalled=True/Conflicted',
    ],
    [
      'where a Secret is missing, and its mail waits',
      { findings: [accepted, noSecret] },
      'Accepted=True/Accepted ResolvedRefs=False/SecretNotFound Programmed=True/Programmed Ready=False/SecretNotFound Stalled=True/SecretNotFound',
    ],
    [
      'where a Secret is missing, without which it is no part of the config',
      { findings: [accepted, noSecret], fragment: undefined },
      'Accepted=True/Accepted ResolvedRefs=False/SecretNotFound Programmed=False/NotResolved Ready=False/SecretNotFound Stalled=True/SecretNotFound',
    ],
    [
      'where nobody has looked yet',
      { findings: [], fragment: undefined, loaded: undefined },
      'Accepted=Unknown/Pending ResolvedRefs=Unknown/Pending Programmed=False/Pending Ready=Unknown/Pending Reconciling=True/Pending',
    ],
  ])('%s', (_when, change, wanted) => {
    expect(shown({ ...good, ...change })).toBe(wanted);
  });

  it('say what is wrong first, and how much more there is', () => {
    const findings = ['one', 'two', 'three'].map((what) =>
      finding('Accepted', 'False', reasons.Invalid, what),
    );
    const verdict = conditionsOf({ ...good, findings }).get('Accepted');
    expect(verdict?.message).toBe('one (and 2 more)');
  });

  it('name the pod that refuses, and its reason', () => {
    const refusal = { pod: 'mta-1', revision: 8, reason: 'no such port' };
    const { message } = conditionsOf({ ...good, loaded: 6, refusal }).get('Programmed')!;
    expect(message).toContain('mta-1');
    expect(message).toContain('no such port');
  });
});
