import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MergeError, mergeTemplate } from './strategic-merge.ts';

const merged = (original: string, patch: string) =>
  mergeTemplate(parse(original) as object, parse(patch) as object);

/** What kubectl's strategic merge makes of the same, where it was tried: `kubectl patch --local --type=strategic`. */
describe('a template over another', () => {
  it.each<[string, string, string, string]>([
    [
      'merges objects, and takes away what is null',
      '{metadata: {labels: {a: "1", b: "2"}}, spec: {hostNetwork: true}}',
      '{metadata: {labels: {b: null, c: "3"}}, spec: {hostNetwork: null}}',
      '{metadata: {labels: {a: "1", c: "3"}}, spec: {}}',
    ],
    [
      'merges containers by name, in place, and adds others at the end',
      '{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}',
      '{spec: {containers: [{name: c, image: z}, {name: a, workingDir: /}]}}',
      '{spec: {containers: [{name: a, image: x, workingDir: /}, {name: b, image: y}, {name: c, image: z}]}}',
    ],
    [
      'merges env by name, volumeMounts by mountPath, ports by containerPort and protocol',
      '{spec: {containers: [{name: a, env: [{name: X, value: "1"}], volumeMounts: [{mountPath: /a, name: v}], ports: [{containerPort: 25, name: p}]}]}}',
      '{spec: {containers: [{name: a, env: [{name: X, value: "2"}, {name: Y}], volumeMounts: [{mountPath: /a, readOnly: true}], ports: [{containerPort: 25, protocol: TCP, hostPort: 1}, {containerPort: 25, protocol: UDP}]}]}}',
      '{spec: {containers: [{name: a, env: [{name: X, value: "2"}, {name: Y}], volumeMounts: [{mountPath: /a, name: v, readOnly: true}], ports: [{containerPort: 25, name: p, protocol: TCP, hostPort: 1}, {containerPort: 25, protocol: UDP}]}]}}',
    ],
    [
      'replaces lists without keys: args, tolerations',
      '{spec: {tolerations: [{key: a}], containers: [{name: a, args: [x, y]}]}}',
      '{spec: {tolerations: [{key: b}], containers: [{name: a, args: [z]}]}}',
      '{spec: {tolerations: [{key: b}], containers: [{name: a, args: [z]}]}}',
    ],
    [
      'tells constraints apart by key and by what happens where they do not hold',
      '{spec: {topologySpreadConstraints: [{topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, maxSkew: 1}]}}',
      '{spec: {topologySpreadConstraints: [{topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, maxSkew: 2}, {topologyKey: zone, whenUnsatisfiable: DoNotSchedule, maxSkew: 3}]}}',
      '{spec: {topologySpreadConstraints: [{topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, maxSkew: 2}, {topologyKey: zone, whenUnsatisfiable: DoNotSchedule, maxSkew: 3}]}}',
    ],
    [
      'deletes an item that it is told to',
      '{spec: {volumes: [{name: a}, {name: b}]}}',
      '{spec: {volumes: [{name: a, $patch: delete}, {name: nobody, $patch: delete}]}}',
      '{spec: {volumes: [{name: b}]}}',
    ],
    [
      'replaces an object, an item and a list that it is told to',
      '{spec: {securityContext: {a: 1, b: 2}, volumes: [{name: a, emptyDir: {}}], imagePullSecrets: [{name: a}]}}',
      '{spec: {securityContext: {$patch: replace, c: 3}, volumes: [{name: a, $patch: replace, hostPath: {path: /}}], imagePullSecrets: [{$patch: replace}, {name: b}]}}',
      '{spec: {securityContext: {c: 3}, volumes: [{name: a, hostPath: {path: /}}], imagePullSecrets: [{name: b}]}}',
    ],
    [
      'drops a null that takes nothing away',
      '{spec: {}}',
      '{spec: {affinity: {nodeAffinity: null, podAffinity: {x: 1}}, containers: [{name: a, args: null}]}}',
      '{spec: {affinity: {podAffinity: {x: 1}}, containers: [{name: a}]}}',
    ],
    [
      'merges initContainers as containers',
      '{spec: {initContainers: [{name: a, env: [{name: X, value: "1"}]}]}}',
      '{spec: {initContainers: [{name: a, env: [{name: X, value: "2"}]}]}}',
      '{spec: {initContainers: [{name: a, env: [{name: X, value: "2"}]}]}}',
    ],
  ])('%s', (_what, original, patch, expected) => {
    expect(merged(original, patch)).toEqual(parse(expected));
  });

  it.each([
    ['an item without its key', '{spec: {containers: [{image: x}]}}', 'spec.containers[0]', 'has no name'],
    [
      'an item of a list below it',
      '{spec: {containers: [{name: a}, {name: b, env: [{value: x}]}]}}',
      'spec.containers[1].env[0]',
      'has no name',
    ],
    ['an item that is no object', '{spec: {volumes: [a]}}', 'spec.volumes[0]', 'must be an object'],
    ['a directive that is not known', '{spec: {$retainKeys: [a]}}', 'spec', '$retainKeys is no directive'],
    ['a way to patch that is not known', '{spec: {$patch: remove}}', 'spec', 'remove is no directive'],
  ])('refuses %s', (_what, patch, path, message) => {
    const error = (() => {
      try {
        return merged('{}', patch);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(MergeError);
    expect(error).toMatchObject({ path, message: expect.stringContaining(message) });
  });

  it('changes neither of them, is the same when it is done twice, and nothing where there is nothing', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const item = fc.record(
      { name, value: fc.oneof(fc.string(), fc.constant(null)) },
      { requiredKeys: ['name'] },
    );
    const template = fc.record({
      spec: fc.record(
        {
          containers: fc.uniqueArray(
            fc.record({ name, env: fc.uniqueArray(item, { selector: (i) => i.name }) }),
            {
              selector: (i) => i.name,
            },
          ),
          tolerations: fc.array(item),
        },
        { requiredKeys: [] },
      ),
    });
    fc.assert(
      fc.property(template, template, (original, patch) => {
        const before = JSON.stringify([original, patch]);
        const once = mergeTemplate(original, patch);
        expect(JSON.stringify([original, patch])).toBe(before);
        expect(mergeTemplate(once, patch)).toEqual(once);
        expect(mergeTemplate(once, {})).toEqual(once);
      }),
    );
  });
});
