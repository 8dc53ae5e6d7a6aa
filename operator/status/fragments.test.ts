import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../../mta/config.ts';
import { compile } from '../compile/compile.ts';
import { inputFrom } from '../compile/testing/manifests.ts';
import type { CompileInput, Manifest } from '../compile/types.ts';
import { type Fragments, fragmentsOf } from './fragments.ts';

const yaml = readFileSync(join(import.meta.dirname, '../compile/__golden__/full/input.yaml'), 'utf8');
const configOf = (
  revision: number,
  change: (input: CompileInput) => Partial<CompileInput> = () => ({}),
): MtaConfig => {
  const input = inputFrom(yaml, { revision });
  return compile({ ...input, ...change(input) }).config!;
};

const first = configOf(1);
const before = fragmentsOf(first);
/** Resources that another revision than the first has brought. */
const brought = (fragments: Fragments): string[] =>
  [...fragments].filter(([, { revision }]) => revision !== 1).map(([resource]) => resource);

const edit =
  (kind: string, change: (spec: Record<string, unknown>) => void) =>
  ({ manifests }: CompileInput): Partial<CompileInput> => {
    const edited = structuredClone(manifests) as Manifest[];
    const one = edited.find((each) => each.kind === kind)!;
    change(one.spec as Record<string, unknown>);
    return { manifests: edited };
  };

describe('what a revision brings', () => {
  it('is everything, the first time', () => {
    expect([...before.keys()].sort()).toEqual(Object.keys(first.resources).sort());
    expect(before.size).toBe(5);
    expect(brought(before)).toEqual([]);
  });

  it('is nothing where nothing has changed', () => {
    expect(brought(fragmentsOf(configOf(2), before))).toEqual([]);
  });

  it('is the one resource that was edited', () => {
    const after = configOf(
      2,
      edit('MailRelay', (spec) => Object.assign(spec, { limits: { connections: 3 } })),
    );
    expect(brought(fragmentsOf(after, before))).toEqual([expect.stringMatching(/^MailRelay\//)]);
  });

  it('is the fleet alone where the MTA was edited', () => {
    const after = configOf(
      2,
      edit('MTA', (spec) => Object.assign(spec, { workers: 5 })),
    );
    expect(brought(fragmentsOf(after, before))).toEqual(['MTA/mail/mta']);
  });

  it('is who uses a Secret that has changed', () => {
    const { password } = first.relays.find(({ auth }) => auth !== undefined)!.auth!;
    const owner = first.relays.find(({ auth }) => auth !== undefined)!.resource;
    const after = { ...configOf(2), secrets: { ...first.secrets, [password]: 'another' } };
    expect(brought(fragmentsOf(after, before))).toEqual([owner]);
  });

  it('is a generation, even where it makes no difference', () => {
    const relay = first.relays[0]!.resource;
    const after = { ...configOf(2), resources: { ...first.resources, [relay]: 99 } };
    expect(brought(fragmentsOf(after, before))).toEqual([relay]);
    expect(fragmentsOf(after, before).get(relay)).toMatchObject({ generation: 99, revision: 2 });
  });
});
