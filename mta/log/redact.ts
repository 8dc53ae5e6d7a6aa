/**
 * Addresses that a log may hold: the local part replaced by a keyed hash, the domain kept. The same address has the
 * same hash whatever its case, in each worker and after each start, as they share one key: a file beside the history,
 * made at first use. Fails as its folder does.
 */
import { createHmac } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { domainOf } from '../envelope.ts';
import type { Random } from '../random.ts';

export type Redact = (address: string) => string;

const KEY_FILE = 'redaction.key';
const KEY_BYTES = 32;
const REMEMBERED = 10_000;

/** Without a key addresses are shown as they are. */
export function redactor(key: Buffer | undefined): Redact {
  if (key === undefined) return (address) => address;
  const known = new Map<string, string>();
  return (address) => {
    if (address === '') return '';
    const seen = known.get(address);
    if (seen !== undefined) return seen;
    const domain = domainOf(address);
    const hash = createHmac('sha256', key).update(address.toLowerCase()).digest('base64url').slice(0, 16);
    const redacted = domain === undefined ? `~${hash}` : `~${hash}@${domain}`;
    if (known.size >= REMEMBERED) known.clear();
    known.set(address, redacted);
    return redacted;
  };
}

/** Redacts the addresses that somebody else's text quotes, as many replies do. */
export function redactText(text: string, redact: Redact): string {
  return text.includes('@')
    ? text.replace(/[^\s<>()[\]"',;:]+@[^\s<>()[\]"',;:]+/g, (found) => redact(found))
    : text;
}

/** The key of this installation: read from `folder`, or made there. Of several who make it at once one wins. */
export async function redactionKey(folder: string, random: Random): Promise<Buffer> {
  const path = join(folder, KEY_FILE);
  const kept = await readKey(path);
  if (kept !== undefined) return kept;
  await mkdir(folder, { recursive: true });
  const draft = `${path}.${random.bytes(8).toString('hex')}`;
  await writeFile(draft, random.bytes(KEY_BYTES), { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return readFile(path);
}

async function readKey(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
