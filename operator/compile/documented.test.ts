/** The manifests of MTAs in docs/shape.md and docs/tls.md are what the API takes, and what compile accepts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { compile } from './compile.ts';
import { environment, inputFrom } from './testing/manifests.ts';

const pages = ['shape', 'tls'].map((name) =>
  readFileSync(join(import.meta.dirname, `../../docs/${name}.md`), 'utf8'),
);
const blocks = [...pages.join('\n').matchAll(/```yaml\n(spec:[\s\S]*?)```/g)].map(([, text]) => text!);

it('there are some', () => expect(blocks.length).toBeGreaterThan(3));

it.each(blocks)('%s', (text) => {
  const { spec } = parse(text) as { spec: object };
  const mta = {
    ...{ apiVersion: 'postrider.dev/v1alpha1', kind: 'MTA', metadata: { namespace: 'mail', name: 'mta' } },
    spec: {
      hostname: 'mail.example.org',
      listeners: [
        { name: 'smtp', role: 'SMTP', port: 2525 },
        { name: 'submission', role: 'Submission', port: 2587 },
      ],
      ...spec,
    },
  };
  const fallbackCertificate = { certificate: 'certificate', key: 'key' };
  const { diagnostics } = compile(
    inputFrom(stringify(mta), { environment: { ...environment, fallbackCertificate } }),
  );
  expect(diagnostics.filter(({ status }) => status === 'False')).toEqual([]);
});
