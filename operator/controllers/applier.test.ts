import { beforeEach, describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { ApiError } from '../kube/api-error.ts';
import { type KubeObject, keyOf, type ResourceType } from '../kube/resource.ts';
import { CONFIG_MAPS, POD_MONITORS, SERVICES } from '../kube/resources.ts';
import { ConfigTooLarge } from '../objects/config.ts';
import { type Fleet, metadataOf } from '../objects/fleet.ts';
import { Applier, ObjectsRefused } from './applier.ts';
import type { Watched } from './watched.ts';

const refusals = new Map<string, Error>();
const applied: string[] = [];
const forced: string[] = [];
const deleted: string[] = [];
const client = {
  async apply<T extends KubeObject>(
    type: ResourceType,
    object: T,
    { force }: { force?: boolean } = {},
  ): Promise<T> {
    const error = refusals.get(type.kind);
    if (error !== undefined) throw error;
    applied.push(type.kind);
    if (force === true) forced.push(type.kind);
    return object;
  },
  async delete(type: ResourceType, { name }: { name: string }, only?: { uid: string | undefined }) {
    const error = refusals.get(`no ${type.kind}`);
    if (error !== undefined) throw error;
    deleted.push(`${type.kind} ${name} ${only?.uid}`);
  },
};
const observed = new Map<ResourceType, Map<string, KubeObject>>();
const watched = {
  made: (type: ResourceType) => observed.get(type) ?? new Map(),
  wrote: () => undefined,
} as unknown as Watched;
const object = { metadata: { namespace: 'mail', name: 'mta' } };

async function round(...errors: readonly (readonly [string, Error])[]): Promise<Applier> {
  refusals.clear();
  applied.length = 0;
  for (const [kind, error] of errors) refusals.set(kind, error);
  const applier = new Applier(client, watched);
  applier.begin();
  await applier.apply(SERVICES, object);
  await applier.apply(CONFIG_MAPS, object);
  applier.end();
  return applier;
}

/** As they were made for this fleet. */
function there(type: ResourceType, ...names: readonly string[]): void {
  const objects = names.map((name) => {
    const metadata = { ...metadataOf(fleet, name), uid: `uid of ${name}` } as KubeObject['metadata'];
    return [keyOf(metadata), { metadata }] as const;
  });
  observed.set(type, new Map(objects));
}
const fleet: Fleet = {
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }],
  }),
};
beforeEach(() => {
  observed.clear();
  for (const list of [forced, deleted]) list.length = 0;
});

describe('an object', () => {
  it('is taken by force where it is ours, and not where it may be that of others', async () => {
    there(SERVICES, 'mta');
    await round();
    expect([applied, forced]).toEqual([['Service', 'ConfigMap'], ['Service']]);
  });

  it('that somebody else has is left to them, and that is said; a conflict over ours is tried again', async () => {
    const conflict = new ApiError(409, 'Conflict', 'Apply failed with 1 conflict');
    const applier = await round(['Service', conflict]);
    expect(applied).toEqual(['ConfigMap']);
    expect(applier.refused).toMatchObject([
      { reason: 'ObjectTaken', message: expect.stringContaining('not of this fleet (Apply failed with 1') },
    ]);
    there(SERVICES, 'mta');
    await expect(round(['Service', conflict])).rejects.toBe(conflict);
  });

  it('of a kind of others that is not there: it says what to install', async () => {
    refusals.clear();
    refusals.set('PodMonitor', new ApiError(404, 'NotFound', 'no such kind'));
    const applier = new Applier(client, watched);
    applier.begin();
    await applier.apply(POD_MONITORS, object);
    applier.end();
    expect(applier.refused).toMatchObject([
      { reason: 'KindNotInstalled', message: expect.stringContaining('install the Prometheus operator') },
    ]);
  });
});

describe('what is named no more', () => {
  const desired = [{ type: SERVICES, object: { metadata: { namespace: 'mail', name: 'mta' } } }];

  it('goes, and only the one that was seen', async () => {
    there(SERVICES, 'mta', 'mta-old');
    const applier = await round();
    await applier.prune(fleet, desired);
    expect(deleted).toEqual(['Service mta-old uid of mta-old']);
  });

  it('stays where something of its kind was refused', async () => {
    there(SERVICES, 'mta', 'mta-old');
    there(POD_MONITORS, 'mta');
    const applier = await round(['Service', new ApiError(422, 'Invalid', 'nodePort is too low')]);
    await applier.prune(fleet, desired);
    expect(deleted).toEqual(['PodMonitor mta uid of mta']);
    refusals.clear();
    applier.begin();
    await applier.prune(fleet, desired);
    expect(deleted).toContain('Service mta-old uid of mta-old');
  });

  it('and can not be taken away is said', async () => {
    there(SERVICES, 'mta-old');
    const applier = await round(['no Service', new ApiError(403, 'Forbidden', 'no rights')]);
    await applier.prune(fleet, desired);
    applier.end();
    expect(applier.refused).toMatchObject([{ reason: 'ObjectRefused' }]);
  });
});

describe('an object that is refused', () => {
  it.each([
    [403, 'services "mta" is forbidden: exceeded quota: few', 'raise the quota'],
    [403, 'User "o" cannot patch resource "services"', 'give the ServiceAccount of the operator that right'],
    [403, 'admission webhook "w" denied the request', 'which admission policy'],
    [500, 'failed calling webhook "w": connection refused', 'see that this webhook runs'],
    [422, 'Service "mta" is invalid: spec.ports: Required value', 'correct what the MTA asks for'],
    [
      500,
      'failed to create typed patch object (x): .spec.y: field not declared',
      'correct what the MTA asks for',
    ],
    [500, 'failed to convert new object (x) to proper version: quantities', 'correct what the MTA asks for'],
  ])('with %i keeps nothing else back, and is told with what to do: %s', async (status, message, advice) => {
    const applier = await round(['Service', new ApiError(status, '', message)]);
    expect(applied).toEqual(['ConfigMap']);
    expect(applier.refused).toHaveLength(1);
    expect(applier.refused[0]!.message).toContain(`The API server refuses Service mta: ${message}`);
    expect(applier.refused[0]!.message).toContain(advice);
    expect(() => applier.check()).toThrow(ObjectsRefused);
  });

  it('is forgotten when the next round goes well', async () => {
    const applier = await round(['Service', new ApiError(422, '', 'no')]);
    refusals.clear();
    applier.begin();
    await applier.apply(SERVICES, object);
    expect(applier.refused).toHaveLength(1);
    applier.end();
    expect(applier.refused).toEqual([]);
    applier.check();
  });

  it('is another matter than a server that is away', async () => {
    for (const error of [new ApiError(500, '', 'no'), new Error('cut')]) {
      await expect(round(['Service', error])).rejects.toBe(error);
      expect(applied).toEqual([]);
    }
  });

  it('may be a config that is too large', async () => {
    const applier = new Applier(client, watched);
    applier.begin();
    await applier.attempt(async () => {
      throw new ConfigTooLarge('it takes 40 objects');
    });
    await expect(applier.attempt(() => Promise.reject(new Error('cut')))).rejects.toThrow('cut');
    applier.end();
    expect(applier.refused).toEqual([{ reason: 'ConfigTooLarge', message: 'it takes 40 objects' }]);
  });
});
