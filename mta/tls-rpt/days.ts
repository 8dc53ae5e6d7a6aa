/**
 * What is counted for reports, and what became of them, on the volume: a folder for each UTC day, with a file of each process that has
 * counted, one of each domain whose report was sent or is being sent, claims, and a mark of the day's end. All that see the volume see the
 * same. What can't be read is told and taken for nothing: reports are worth less than mail. Failures are the disk's.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Clock, turn } from '../clock.ts';
import { type Disk, errorCode, unlinkIfThere } from '../queue/disk.ts';
import type { Random } from '../random.ts';
import { namesIn, parsedJson, readSmall, replaceFile } from '../small-files.ts';
import { startOf } from './report.ts';
import { MOST_LINES_BYTES, Tally } from './tally.ts';

/** In the same folder for all that see the same queue. */
export const daysPath = (queuePath: string): string => `${queuePath}.tls-rpt`;

/** How far one report has come, with one place that it goes to. */
const stageSchema = z.strictObject({
  uri: z.string(),
  done: z.enum(['sent', 'failed']).optional(),
  attempts: z.int().nonnegative(),
  /** Ms since the epoch of the next one. */
  nextAt: z.number(),
});
export type Stage = z.infer<typeof stageSchema>;

const progressSchema = z.strictObject({
  format: z.literal(1),
  domain: z.string(),
  /** Ms since the epoch of the first attempt. */
  firstAt: z.number(),
  stages: z.array(stageSchema),
});
export type Progress = Omit<z.infer<typeof progressSchema>, 'format'>;

/** `beat` goes up as long as the holder lives; without a holder it was given up. */
const claimSchema = z.strictObject({ holder: z.string().optional(), beat: z.int().nonnegative() });
export type Claim = z.infer<typeof claimSchema>;

export interface DaysDeps {
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

const COUNTS = /^counts\.([0-9a-f]{16})\.jsonl$/;
const REPORT = /^report\.[0-9a-f]{64}\.json$/;
const CLAIM = /^claim\.(\d{1,9})\.json$/;
const FINISHED = 'finished.json';
const MOST_BYTES = 64 * 1024;
/** Lines of counts that are made, or read, in one turn of the event loop. */
const PORTION = 20;

export class Days {
  readonly #deps: DaysDeps;

  constructor(deps: DaysDeps) {
    this.#deps = deps;
  }

  /** Those that there is anything of, the oldest first. */
  async list(): Promise<string[]> {
    const names = await namesIn(this.#deps.disk, this.#deps.path);
    return names.filter((name) => !Number.isNaN(startOf(name))).sort();
  }

  /** @param writer 16 hexadecimal digits: what it wrote before is replaced */
  async write(day: string, writer: string, tally: Tally): Promise<void> {
    const pieces: Buffer[] = [];
    for (const line of tally.lines()) {
      pieces.push(Buffer.from(`${line}\n`));
      if (pieces.length % PORTION === 0) await turn(this.#deps.clock);
    }
    await this.put(day, writer, Buffer.concat(pieces));
  }

  /** Counts as one has written them, in place of what there was of that writer. */
  async put(day: string, writer: string, counts: Buffer): Promise<void> {
    const { disk, path, random } = this.#deps;
    await disk.makeDirectory(path);
    await disk.makeDirectory(join(path, day));
    await replaceFile(join(path, day, countsName(writer)), counts, { disk, random });
  }

  /** Resolves when what was put there is there after a crash, too. */
  async sync(day: string): Promise<void> {
    const { disk, path } = this.#deps;
    for (const folder of [join(path, day), path, dirname(path)]) await disk.syncDirectory(folder);
  }

  /** Those that there are counts of. */
  async writers(day: string): Promise<string[]> {
    return (await this.#names(day)).flatMap((name) => COUNTS.exec(name)?.[1] ?? []);
  }

  /** What one has counted, for `put`; undefined where that isn't there any more. */
  async get(day: string, writer: string): Promise<Buffer | undefined> {
    const { disk, path } = this.#deps;
    const text = await readSmall(disk, join(path, day, countsName(writer)), MOST_LINES_BYTES);
    return text === undefined ? undefined : Buffer.from(text);
  }

  /** Removes what one has counted, unless that has been written again. */
  async drop(day: string, writer: string, counts: Buffer): Promise<void> {
    const { disk, path } = this.#deps;
    if ((await this.get(day, writer))?.equals(counts) !== true) return;
    await unlinkIfThere(disk, join(path, day, countsName(writer)));
  }

  /** What all have counted. */
  async collect(day: string): Promise<Tally> {
    const all = new Tally();
    for (const writer of await this.writers(day)) {
      const counts = (await this.get(day, writer)) ?? Buffer.alloc(0);
      if (!(await takeCounts(all, counts, this.#deps.clock))) this.#damaged(day, countsName(writer));
    }
    return all;
  }

  async progress(day: string, domain: string): Promise<Progress | undefined> {
    const name = progressName(domain);
    const found = await this.#read(day, name);
    if (found === undefined) return undefined;
    const { success, data } = progressSchema.safeParse(found);
    if (success && data.domain === domain) {
      const { format: _, ...progress } = data;
      return progress;
    }
    this.#damaged(day, name);
    return undefined;
  }

  /** Of all reports that were begun, in no order. */
  async allProgress(day: string): Promise<Progress[]> {
    const found: Progress[] = [];
    for (const name of (await this.#names(day)).filter((each) => REPORT.test(each))) {
      const { data } = progressSchema.safeParse(await this.#read(day, name));
      if (data !== undefined) found.push(data);
    }
    return found;
  }

  async keepProgress(day: string, progress: Progress): Promise<void> {
    await this.#replace(day, progressName(progress.domain), { format: 1, ...progress });
  }

  /** The last one that was made; undefined where there is none. */
  async lastClaim(day: string): Promise<{ readonly number: number; readonly claim: Claim } | undefined> {
    const numbers = (await this.#names(day)).flatMap((name) => CLAIM.exec(name)?.[1] ?? []).map(Number);
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    const { data } = claimSchema.safeParse(await this.#read(day, claimName(number)));
    // One that breaks off was made by somebody who may be at it yet.
    return { number, claim: data ?? { holder: 'nobody knows', beat: 0 } };
  }

  /** Whether it was ours to make: of all who try one number, one can. */
  async makeClaim(day: string, number: number, claim: Claim): Promise<boolean> {
    const { disk, path } = this.#deps;
    try {
      const file = await disk.create(join(path, day, claimName(number)));
      try {
        await file.write([Buffer.from(JSON.stringify(claim))], 0);
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  async keepClaim(day: string, number: number, claim: Claim): Promise<void> {
    await this.#replace(day, claimName(number), claim);
  }

  async isFinished(day: string): Promise<boolean> {
    return (await this.#names(day)).includes(FINISHED);
  }

  /** Its counts aren't needed any more; that it was reported on is still known. */
  async finish(day: string): Promise<void> {
    const { disk, path } = this.#deps;
    await this.#replace(day, FINISHED, {});
    for (const name of await this.#names(day)) {
      if (name !== FINISHED) await unlinkIfThere(disk, join(path, day, name));
    }
  }

  async remove(day: string): Promise<void> {
    const { disk, path } = this.#deps;
    for (const name of await this.#names(day)) await unlinkIfThere(disk, join(path, day, name));
    await disk.removeDirectory(join(path, day)).catch((error: unknown) => {
      // Somebody else was first, or has put something there: it is looked at again.
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error;
    });
  }

  #names(day: string): Promise<string[]> {
    return namesIn(this.#deps.disk, join(this.#deps.path, day));
  }

  async #read(day: string, name: string): Promise<unknown> {
    const { disk, path } = this.#deps;
    const text = await readSmall(disk, join(path, day, name), MOST_BYTES);
    return text === undefined ? undefined : (parsedJson(text) ?? {});
  }

  async #replace(day: string, name: string, content: object): Promise<void> {
    const { disk, path, random } = this.#deps;
    await replaceFile(join(path, day, name), Buffer.from(JSON.stringify(content)), { disk, random });
  }

  #damaged(day: string, name: string): void {
    this.#deps.onError(
      new Error(`${join(this.#deps.path, day, name)} is damaged: what can't be read of it is ignored`),
    );
  }
}

/** A domain may be longer than the name of a file. */
const progressName = (domain: string): string =>
  `report.${createHash('sha256').update(domain).digest('hex')}.json`;
const claimName = (number: number): string => `claim.${number}.json`;
const countsName = (writer: string): string => `counts.${writer}.jsonl`;

/** Adds what one has written; false where some of it is not what we write, which is left out. */
export async function takeCounts(tally: Tally, counts: Buffer, clock: Clock): Promise<boolean> {
  const lines = counts.toString('utf8').split('\n');
  // What another version has written is not for us.
  if (!lines[0]!.startsWith('{"format":1,')) return false;
  // The last one has no end.
  let isWhole = lines.pop() === '';
  for (const [at, line] of lines.entries()) {
    if (!tally.take(line)) isWhole = false;
    if (at % PORTION === 0) await turn(clock);
  }
  return isWhole;
}
