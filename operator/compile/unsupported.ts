/**
 * What the kinds have a place for and this version doesn't do. Asking for it is refused with the field and what to do
 * instead: nothing is silently ignored. A row leaves this table in the change that makes it work.
 */
import type { KindName } from './specs.ts';

interface Row {
  readonly kind: KindName;
  /** `limits.rate`; refused where it is present, or where its value is one of `values`. */
  readonly field: string;
  readonly values?: readonly string[];
  readonly instead: string;
}

export const unsupported: readonly Row[] = [
  { kind: 'MailDomain', field: 'dkim', instead: 'leave it out, and let a smart host sign' },
  { kind: 'MailDomain', field: 'dmarc', instead: 'leave it out, and publish the DNS record yourself' },
  { kind: 'MailUser', field: 'serviceAccount', instead: 'use password, with generate: true if you like' },
  { kind: 'MailUser', field: 'limits.rate', instead: 'leave it out' },
];

/** One entry for each field of a parsed spec that asks for more than there is. */
export function notYetSupported(kind: string, spec: unknown): { path: string; message: string }[] {
  return unsupported
    .filter((row) => row.kind === kind)
    .flatMap((row) =>
      values(spec, row.field.split('.'), 'spec')
        .filter(({ value }) => row.values === undefined || row.values.includes(String(value)))
        .map(({ path, value }) => ({
          path,
          message: `${row.values === undefined ? '' : `${String(value)} `}is not yet supported: ${row.instead}`,
        })),
    );
}

function values(node: unknown, steps: readonly string[], path: string): { path: string; value: unknown }[] {
  const [step, ...rest] = steps;
  if (node === undefined) return [];
  if (step === undefined) return [{ path, value: node }];
  const name = step.replace('[]', '');
  const value = (node as Record<string, unknown>)[name];
  if (!step.endsWith('[]')) return values(value, rest, `${path}.${name}`);
  return ((value ?? []) as unknown[]).flatMap((item, index) =>
    values(item, rest, `${path}.${name}[${index}]`),
  );
}
