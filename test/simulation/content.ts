/** Contents that tell whose they are, and what errors say. */
import type { NewMessage } from '../../mta/queue/types.ts';
import { destinationKey } from './next-hop.ts';

export function contentOf(key: string, size: number): Buffer {
  return Buffer.alloc(Math.max(size, key.length + 1), `${key} `);
}

export function reportIn(
  content: Buffer,
): { readonly key: string; readonly recipients: number[] } | undefined {
  if (!content.subarray(0, 7).equals(REPORT)) return undefined;
  const [, key, recipients] = content.toString('latin1').split(' ');
  return { key: key!, recipients: recipients!.split(',').map(Number) };
}

/** What the sender is told of recipients who could not be reached. */
export const reportOf = (key: string, recipients: readonly number[], arrivedAt: number): NewMessage => ({
  envelope: {
    from: '',
    recipients: [{ address: `report.${key}@sender.test` }],
    arrivedAt,
    origin: { listener: 'report', protocol: 'local' },
  },
  // Nobody refuses a report here: whether it gets there is what is looked at.
  jobs: [{ destination: destinationKey(99), recipients: [0], attempts: 0, dueAt: arrivedAt }],
  content: Buffer.from(`report ${key} ${recipients.join(',')} `),
});

const REPORT = Buffer.from('report ');

export const isDiskError = (error: unknown): boolean => {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^E[A-Z]+$/.test(code);
};

export function errorIn(fields: object): string {
  const { err } = fields as { err?: unknown };
  return err instanceof Error
    ? `${err.message} ${String((err as { cause?: Error }).cause?.message ?? '')}`
    : '';
}
