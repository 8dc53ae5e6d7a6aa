import { expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { ownTemplate } from './pod.ts';

it('spreads over nodes also where they are in no zone', () => {
  const listeners = [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }];
  const spec = mta.spec.parse({ hostname: 'mx.example.test', listeners });
  const template = ownTemplate({ namespace: 'mail', name: 'mta', uid: 'u', spec }, { image: 'x' });
  const { topologySpreadConstraints = [] } = template.spec as {
    topologySpreadConstraints?: { topologyKey: string }[];
  };
  // With a second one the scheduler ignores nodes that lack either label.
  expect(topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual(['kubernetes.io/hostname']);
});
