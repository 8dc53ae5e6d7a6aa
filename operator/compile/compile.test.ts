/**
 * Golden tests: each folder of `__golden__` has manifests in `input.yaml`, and beside them the config and the
 * diagnostics that come of them. After a change that is meant, `npx vitest run --project unit operator/compile --update`
 * writes the expected files anew; read the difference before it is committed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { reasons } from '../../crds/conditions.ts';
import { mtaConfigSchema } from '../../mta/config.ts';
import { compile } from './compile.ts';
import { idOf } from './report.ts';
import { environment, inputFrom } from './testing/manifests.ts';
import type { CompileInput, CompileResult, Diagnostic } from './types.ts';

const golden = join(import.meta.dirname, '__golden__');
const quickstart = join(import.meta.dirname, '../../examples/quickstart');

const withFallback = {
  environment: { ...environment, fallbackCertificate: { certificate: 'certificate', key: 'key' } },
};

const line = ({ resource, condition, status, reason, message }: Diagnostic): string =>
  `${idOf(resource)} ${condition}=${status} ${reason}\n    ${message}\n`;

async function check({ config, diagnostics }: CompileResult, folder: string): Promise<void> {
  const text = config === undefined ? '# There is no config.\n' : stringify(config, { lineWidth: 0 });
  await expect(text).toMatchFileSnapshot(join(folder, 'config.yaml'));
  await expect(diagnostics.map(line).join('')).toMatchFileSnapshot(join(folder, 'diagnostics.txt'));
}

const cases = readdirSync(golden).filter((name) => name !== 'quickstart');
const inputs = cases.map((name): [string, CompileInput] => [
  name,
  inputFrom(readFileSync(join(golden, name, 'input.yaml'), 'utf8')),
]);

describe('golden', () => {
  it.each(inputs)('%s', async (name, input) => check(compile(input), join(golden, name)));

  it('quickstart', async () => {
    const files = readdirSync(quickstart).map((name) => readFileSync(join(quickstart, name), 'utf8'));
    const password =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: demo-password, namespace: mail}\nstringData: {password: secret}\n';
    const result = compile(inputFrom([...files, password].join('---\n'), withFallback));
    expect(result.diagnostics.filter(({ status }) => status === 'False')).toEqual([]);
    await check(result, join(golden, 'quickstart'));
  });
});

describe('every golden case', () => {
  it.each(inputs)('%s comes out the same in whatever order it went in', (_, input) => {
    const reversed = {
      ...input,
      manifests: input.manifests.toReversed(),
      secrets: input.secrets.toReversed(),
    };
    expect(JSON.stringify(compile(reversed))).toBe(JSON.stringify(compile(input)));
  });

  it.each(inputs)('%s gives the same config when that is programmed already', (_, input) => {
    const { config } = compile(input);
    expect(compile({ ...input, programmed: config }).config).toEqual(config);
  });

  it.each(inputs)('%s gives a config that the mta takes', (_, input) => {
    const { config } = compile(input);
    if (config !== undefined) expect(mtaConfigSchema.parse(config)).toEqual(config);
  });

  it.each(inputs)('%s has reasons that are documented, and no secret in a message', (_, input) => {
    for (const { reason, message } of compile(input).diagnostics) {
      expect(Object.keys(reasons)).toContain(reason);
      for (const { values } of input.secrets) {
        for (const value of Object.values(values)) {
          if (value.length > 3) expect(message).not.toContain(value);
        }
      }
    }
  });
});
