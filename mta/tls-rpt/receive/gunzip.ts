/**
 * Inflates a report (RFC 8460 §5.2) up to a size, and no further: what is larger is found out when that much of it is there, so that a
 * bomb costs the memory and the time of a large report. Rejects with a `ReportRefusal`.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ReportRefusal } from './refusal.ts';

const inflate = promisify(gunzip);

/** RFC 1952 §2.3.1 */
export const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** @param most bytes that it may become */
export async function inflated(bytes: Buffer, most: number): Promise<Buffer> {
  try {
    return await inflate(bytes, { maxOutputLength: most, chunkSize: CHUNK });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ReportRefusal('tooLarge', `its gzip holds more than ${most} bytes`, { cause });
    }
    throw new ReportRefusal('invalid', 'its gzip is damaged', { cause });
  }
}

const CHUNK = 64 * 1024;
