/**
 * Files messages as Maildir: written and synced in `tmp/`, then renamed into `new/`, so that whoever looks sees whole
 * messages only. Rejects with the file system's error; nothing is left in `new/` then.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../mta/clock.ts';
import { domainOf, localPartOf } from '../../mta/envelope.ts';
import type { Random } from '../../mta/random.ts';

// A file name may have 255 bytes on the usual file systems.
const LONGEST_NAME = 200;

/**
 * A folder name for a mailbox: the address itself, with its domain in lower case, wherever that is harmless. Bytes
 * that are not become `%XX`; so does a leading dot, and a very long name ends in a digest of the whole.
 */
export function folderFor(address: string): string {
  const domain = domainOf(address)?.toLowerCase();
  const mailbox = (domain === undefined ? address : `${localPartOf(address)}@${domain}`).normalize('NFC');
  const name = mailbox.replace(/^\.|[^\p{L}\p{N}\p{M}@._+=~-]/gu, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
  if (Buffer.byteLength(name) <= LONGEST_NAME) return name;
  const digest = createHash('sha256').update(mailbox).digest('hex').slice(0, 16);
  const start = Buffer.from(name)
    .subarray(0, LONGEST_NAME - 40)
    .toString('utf8')
    .replaceAll('\uFFFD', '');
  return `${start}%${digest}`;
}

export interface Maildir {
  /**
   * Files one message for one recipient; `spool` is a file with its content. Resolves with the path of the message
   * once it is on stable storage.
   */
  deliver(recipient: string, from: string, spool: string): Promise<string>;
}

/** @param root folder that holds one Maildir per address. */
export function maildir(root: string, clock: Clock, random: Random): Maildir {
  const host = hostname().replaceAll('/', '\\057').replaceAll(':', '\\072');
  let count = 0;

  // Made each time: someone may have tidied the inbox away while we run.
  async function folders(recipient: string): Promise<string> {
    const folder = join(root, folderFor(recipient));
    let made = false;
    for (const part of ['tmp', 'cur', 'new']) {
      made = (await mkdir(join(folder, part), { recursive: true, mode: 0o700 })) !== undefined || made;
    }
    if (made) {
      await syncFolder(folder);
      await syncFolder(root);
    }
    return folder;
  }

  return {
    async deliver(recipient, from, spool) {
      const folder = await folders(recipient);
      const now = clock.now();
      count++;
      const unique = `P${process.pid}Q${count}R${random.bytes(4).toString('hex')}`;
      const name = `${Math.floor(now / 1000)}.M${(now % 1000) * 1000}${unique}.${host}`;
      const temporary = join(folder, 'tmp', name);
      const final = join(folder, 'new', name);
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          // RFC 5321 §4.4: the final delivery puts the reverse-path on top.
          await file.writeFile(`Return-Path: <${from}>\r\nDelivered-To: ${recipient}\r\n`);
          for await (const chunk of createReadStream(spool)) await file.writeFile(chunk as Buffer);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, final);
        await syncFolder(join(folder, 'new'));
        return final;
      } catch (error) {
        await unlink(temporary).catch(() => undefined);
        throw error;
      }
    },
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
