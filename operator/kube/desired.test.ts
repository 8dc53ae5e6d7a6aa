import { describe, expect, it } from 'vitest';
import { isAsDesired, withDigest } from './desired.ts';
import type { KubeObject } from './resource.ts';

const object = (spec: object, labels: Record<string, string> = {}): KubeObject =>
  ({ metadata: { namespace: 'mail', name: 'a', labels }, spec }) as KubeObject;

const desired = withDigest(
  object({ replicas: 3, ports: [{ port: 25 }], template: { image: 'a' } }, { app: 'mta' }),
);
/** As the API server has it: with defaults, and what others have added. */
const stored = (
  change: (copy: { metadata: Record<string, never>; spec: Record<string, unknown> }) => void = () => {},
) => {
  const copy = structuredClone(desired) as never as Parameters<typeof change>[0];
  Object.assign(copy.metadata, { uid: 'u', resourceVersion: '7', finalizers: ['another/s'] });
  Object.assign(copy.spec, { policy: 'default' });
  change(copy);
  return copy as unknown as KubeObject;
};

describe('an object is as desired', () => {
  it.each<[string, boolean, KubeObject | undefined]>([
    ['with defaults, and what others have added', true, stored()],
    ['not where there is none', false, undefined],
    ['not where a field is another', false, stored(({ spec }) => Object.assign(spec, { replicas: 4 }))],
    ['not where a field is gone', false, stored(({ spec }) => void delete spec['template'])],
    [
      'not where a list has grown',
      false,
      stored(({ spec }) => (spec['ports'] as object[]).push({ port: 26 })),
    ],
  ])('%s', (_when, wanted, observed) => {
    expect(isAsDesired(desired, observed)).toBe(wanted);
  });

  it('not where it had a field that is desired no more', () => {
    const less = withDigest(object({ replicas: 3, ports: [{ port: 25 }], template: {} }, { app: 'mta' }));
    expect(isAsDesired(less, stored())).toBe(false);
  });

  it('also where it comes from a list, whose items do not say what they are', () => {
    expect(isAsDesired({ ...desired, apiVersion: 'v1', kind: 'Thing' }, stored())).toBe(true);
  });

  it.each<[string, boolean, unknown, unknown]>([
    [
      'where a quantity is written in another way',
      true,
      { cpu: '1500m', memory: '1024Mi' },
      { cpu: '1.5', memory: '1Gi' },
    ],
    ['where a number is text to the API server', true, { cpu: 2 }, { cpu: '2' }],
    ['not where a quantity is another', false, { cpu: '1500m' }, { cpu: '1.6' }],
    ['not where a text looks like none', false, { host: 'a1' }, { host: '1' }],
    ['where something empty was left out', true, { nodeSelector: {}, args: [] }, {}],
    ['not where something was to be empty, and is not', false, { args: [] }, { args: ['a'] }],
  ])('%s', (_when, wanted, spec, observed) => {
    const one = withDigest(object(spec as object));
    expect(isAsDesired(one, { ...one, spec: observed } as KubeObject)).toBe(wanted);
  });

  it('whatever is undefined in it', () => {
    const loose = withDigest(object({ replicas: undefined }));
    expect(isAsDesired(loose, JSON.parse(JSON.stringify(loose)) as KubeObject)).toBe(true);
  });
});
