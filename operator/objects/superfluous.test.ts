import { expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import type { KubeObject, ResourceType } from '../kube/resource.ts';
import {
  CERTIFICATES,
  CONFIG_MAPS,
  SECRETS,
  SERVICES,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../kube/resources.ts';
import { type Fleet, metadataOf } from './fleet.ts';
import { mailServices, podsService } from './services.ts';
import { superfluous } from './superfluous.ts';

const fleet: Fleet = {
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }],
    services: [{ name: 'public' }],
  }),
};
const desired = [podsService(fleet), ...mailServices(fleet)].map((object) => ({
  ...{ type: SERVICES, object: object as KubeObject },
}));
const ours = (name: string, change: object = {}): KubeObject => ({
  metadata: { ...metadataOf(fleet, name), ...change } as KubeObject['metadata'],
});
const gone = (type: ResourceType, ...observed: readonly KubeObject[]) =>
  superfluous(fleet, desired, (each) => (each === type ? observed : [])).map(
    ({ object }) => object.metadata.name,
  );

it('what is ours and is not named any more is superfluous', () => {
  expect(gone(SERVICES, ours('mta-public'), ours('mta-pods'), ours('mta'), ours('mta-old'))).toEqual([
    'mta',
    'mta-old',
  ]);
  expect(gone(CERTIFICATES, ours('mta-tls-smtp'))).toEqual(['mta-tls-smtp']);
});

it.each<[string, object]>([
  [
    'belongs to another fleet',
    { labels: { ...ours('x').metadata.labels, 'app.kubernetes.io/instance': 'other' } },
  ],
  ['has no label of ours', { labels: {} }],
  ['is owned by nobody', { ownerReferences: [] }],
  [
    'is owned by an MTA of the same name that is gone',
    { ownerReferences: metadataOf({ ...fleet, uid: 'before' }, 'x').ownerReferences },
  ],
  [
    'is owned, but not controlled, by the MTA',
    { ownerReferences: [{ ...metadataOf(fleet, 'x').ownerReferences![0]!, controller: false }] },
  ],
  ['is in another namespace', { namespace: 'other' }],
])('what %s is not', (_what, change) => {
  expect(gone(SERVICES, ours('mta-old', change))).toEqual([]);
});

it.each([VOLUME_CLAIMS, SECRETS, CONFIG_MAPS, STATEFUL_SETS])('of $plural nothing ever is', (type) => {
  expect(gone(type, ours('mta-queue'))).toEqual([]);
});
