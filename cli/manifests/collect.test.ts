import { describe, expect, it } from 'vitest';
import { collect } from './collect.ts';

const kinds = ['MTA', 'MailDomain'];
const read = (text: string, path = 'a.yaml') => collect([{ path, text }], kinds);
const domain = (name: string, more = '') =>
  `apiVersion: postrider.dev/v1alpha1\nkind: MailDomain\nmetadata:\n  name: ${name}\n${more}`;
const told = (text: string) =>
  read(text).problems.map(({ place, reason, message }) => [`${place.line}:${place.column}`, reason, message]);

describe('manifests', () => {
  it('come from several documents, in their namespaces', () => {
    const { manifests, problems } = read(
      `# two\n---\n${domain('a')}---\n${domain('b', '  namespace: mail\n')}---\n# nothing\n`,
    );
    expect(problems).toEqual([]);
    expect(manifests.map(({ metadata }) => metadata)).toEqual([
      { name: 'a', namespace: 'default' },
      { name: 'b', namespace: 'mail' },
    ]);
  });

  it('come from a List, and from JSON', () => {
    const item = (name: string) => ({
      apiVersion: 'postrider.dev/v1alpha1',
      kind: 'MailDomain',
      metadata: { name },
      spec: { domain: 1 },
    });
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item('a'), item('b')] }, null, 1);
    const list = read(text, 'a.json');
    expect(list.manifests.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    const line = text.split('\n').findLastIndex((candidate) => candidate.includes('"domain"')) + 1;
    expect(list.place({ kind: 'MailDomain', namespace: 'default', name: 'b' }, 'spec.domain')).toMatchObject({
      file: 'a.json',
      line,
    });
  });

  it('know where each field was written', () => {
    const manifests = read(
      `${domain('x')}---\n${domain('a', 'spec:\n  hosts:\n    - host: one\n      port: 1\n    - {host: two, port: 99999}\n  labels:\n    a.b/c: d\n  empty:\n')}`,
    );
    const at = (path?: string) => {
      const place = manifests.place({ kind: 'MailDomain', namespace: 'default', name: 'a' }, path);
      return `${place?.line}:${place?.column}`;
    };
    expect(at()).toBe('6:1');
    expect(at('spec')).toBe('10:1');
    expect(at('spec.hosts')).toBe('11:3');
    expect(at('spec.hosts[0].port')).toBe('13:13');
    expect(at('spec.hosts[1].port')).toBe('14:25');
    expect(at('spec.hosts[1].missing')).toBe('14:7');
    expect(at('spec.labels["a.b/c"]')).toBe('16:12');
    expect(at('spec.empty')).toBe('17:3');
    expect(at('spec.nothing.below')).toBe('10:1');
    expect(manifests.place({ kind: 'MailDomain', namespace: 'mail', name: 'a' })).toBeUndefined();
  });

  it.each([
    ['a: b: c', '1:4', 'InvalidYAML', /Nested mappings/],
    ['a: 1\na: 2', '2:1', 'InvalidYAML', /unique/],
    ['- a', '1:1', 'InvalidYAML', /Kubernetes object/],
    ['a: *nothing', '1:1', 'InvalidYAML', /nothing/],
    ['a: 1', '1:1', 'InvalidObject', /apiVersion/],
    [domain('a', 'spec:\n  on: 1\n'), '6:3', 'InvalidYAML', /plain on/],
    [domain('a', 'spec:\n  mode: 0600\n'), '6:9', 'InvalidYAML', /octal/],
    ['apiVersion: postrider.dev/v2\nkind: MTA', '1:13', 'UnknownKind', /write postrider.dev\/v1alpha1/],
    ['apiVersion: postrider.dev/v1alpha1\nkind: MailDomian', '2:7', 'UnknownKind', /MTA, MailDomain/],
    ['apiVersion: postrider.dev/v1alpha1\nkind: MTA', '1:1', 'InvalidObject', /metadata/],
    [domain('A_b'), '4:9', 'InvalidObject', /metadata.name/],
    [domain('12'), '4:9', 'InvalidObject', /quotes/],
    [domain('a', '  labels: {a: 1}\n'), '5:3', 'InvalidObject', /strings/],
    [domain('a', 'Spec:\n  a: 1\n'), '5:1', 'InvalidObject', /no field Spec/],
    [`${domain('a')}---\n${domain('a')}`, '6:1', 'Duplicate', /a\.yaml:1 already/],
    ['apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  x: "%"', '5:6', 'InvalidObject', /base64/],
    [
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {x: 1}',
      '4:17',
      'InvalidObject',
      /quotes/,
    ],
  ])('%j has its mistake at %s', (text, place, reason, message) => {
    expect(told(text)).toEqual([[place, reason, expect.stringMatching(message)]]);
  });

  it('keep the first of two alike, and the good documents beside a bad one', () => {
    const { manifests } = read(
      `${domain('a', 'spec: 1\n')}---\n${domain('a', 'spec: 2\n')}---\n- x\n---\n${domain('b')}`,
    );
    expect(manifests.map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
      ['a', 1],
      ['b', undefined],
    ]);
  });

  it('refuse a bomb of aliases', () => {
    const bomb = `a: &a [1,1,1,1,1,1,1,1,1]\n${[...'bcdefgh']
      .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]\n`)
      .join('')}`;
    expect(told(bomb)).toEqual([['1:1', 'InvalidYAML', expect.stringMatching(/alias/i)]]);
  });

  it('leave foreign objects alone, and say so', () => {
    const { ignored, manifests, problems } = read(
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {on: yes, mode: 0644}',
    );
    expect({ manifests, problems }).toEqual({ manifests: [], problems: [] });
    expect(ignored.map(({ resource }) => resource.kind)).toEqual(['Deployment']);
  });

  it('take names that every object has for names like any other', () => {
    const { secrets, namespaces } = read(
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: constructor}\nstringData: {"__proto__": x, toString: z}\n',
    );
    expect(Object.entries(secrets[0]!.values)).toEqual([
      ['__proto__', 'x'],
      ['toString', 'z'],
    ]);
    expect(namespaces['constructor']).toEqual({ 'kubernetes.io/metadata.name': 'constructor' });
  });

  it('decode Secrets, and know namespaces by their labels', () => {
    const { secrets, namespaces } = read(
      `apiVersion: v1
kind: Secret
metadata: {name: s, namespace: team}
data: {a: aGVsbG8=, b: bm8=}
stringData: {b: yes it is}
---
apiVersion: v1
kind: Namespace
metadata: {name: mail, labels: {tier: gold}}
`,
    );
    expect(secrets).toEqual([{ namespace: 'team', name: 's', values: { a: 'hello', b: 'yes it is' } }]);
    expect(namespaces).toEqual({
      mail: { tier: 'gold', 'kubernetes.io/metadata.name': 'mail' },
      team: { 'kubernetes.io/metadata.name': 'team' },
    });
  });
});
