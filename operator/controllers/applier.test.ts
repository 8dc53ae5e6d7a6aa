import { describe, expect, it } from 'vitest';
import { ApiError } from '../kube/api-error.ts';
import type { KubeObject, ResourceType } from '../kube/resource.ts';
import { CONFIG_MAPS, SERVICES } from '../kube/resources.ts';
import { ConfigTooLarge } from '../objects/config.ts';
import { Applier, ObjectsRefused } from './applier.ts';
import type { Watched } from './watched.ts';

const refusals = new Map<string, Error>();
const applied: string[] = [];
const client = {
  async apply<T extends KubeObject>(type: ResourceType, object: T): Promise<T> {
    const error = refusals.get(type.kind);
    if (error !== undefined) throw error;
    applied.push(type.kind);
    return object;
  },
};
const watched = { made: () => new Map(), wrote: () => undefined } as unknown as Watched;
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

describe('an object that is refused', () => {
  it.each([
    [403, 'services "mta" is forbidden: exceeded quota: few', 'raise the quota'],
    [403, 'User "o" cannot patch resource "services"', 'give the ServiceAccount of the operator that right'],
    [403, 'admission webhook "w" denied the request', 'which admission policy'],
    [500, 'failed calling webhook "w": connection refused', 'see that this webhook runs'],
    [422, 'Service "mta" is invalid: spec.ports: Required value', 'correct what the MTA asks for'],
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
    for (const error of [new ApiError(500, '', 'no'), new ApiError(409, '', 'no'), new Error('cut')]) {
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
