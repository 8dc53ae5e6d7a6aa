/**
 * What was taken of reports, on the volume: a file for each report and policy domain, which is written once and never changed. Its name
 * says the day, the domain and the report, and exactly one writer can give it: however many workers and pods take reports, and
 * however often one comes, it is there once, and no sum is lost. `put` resolves when it is on stable storage, and rejects with the disk's
 * error; a file that can't be read, or isn't what we write, is as if it weren't there, and is told.
 */
import { hash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { type Disk, errorCode, unlinkIfThere } from '../../queue/disk.ts';
import type { Random } from '../../random.ts';
import { namesIn, parsedJson, readSmall, writeSmall } from '../../small-files.ts';
import { within } from '../../within.ts';
import { type Named, over, type PutResult, refusalOf } from './bounds.ts';
import { dayOf, type Entry, middleOf } from './entry.ts';

const entrySchema = z.strictObject({
  format: z.literal(1),
  domain: z.string(),
  organization: z.string(),
  reportId: z.string(),
  via: z.enum(['mail', 'https']),
  ...{ start: z.number(), end: z.number(), receivedAt: z.number() },
  ...{ successful: z.number(), failed: z.number() },
  failures: z.array(
    z.strictObject({
      resultType: z.string(),
      host: z.string().exactOptional(),
      reason: z.string().exactOptional(),
      sessions: z.number(),
    }),
  ),
});

export interface StoreDeps {
  /** Folder; made when the first report is kept. */
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

/** Five failures, each with a long name and a long reason in characters of four octets. */
const MOST_BYTES = 8 * 1024;
/** A volume that doesn't answer in this time is not waited for, whatever a report is about. */
const PATIENCE_MS = 10_000;

const FILE = /^(\d{5})\.([0-9a-f]{32})\.([0-9a-f]{64})\.json$/;
const DRAFT = /^\d{5}\.[0-9a-f]{32}\.[0-9a-f]{64}\.[0-9a-f]{16}\.new$/;

/** A report on one domain. */
export interface Identified {
  readonly entry: Entry;
  /** As `identityOf` has it. */
  readonly identity: string;
}

const hashOf = (domain: string): string => hash('sha256', domain).slice(0, 32);

export class ReportStore {
  readonly #deps: StoreDeps;
  /** By file, as none of them ever changes. */
  #read = new Map<string, Entry | undefined>();
  /** Drafts that were there at the last sweep: whoever wrote them is gone. */
  #drafts = new Set<string>();
  #isMade = false;

  constructor(deps: StoreDeps) {
    this.#deps = deps;
  }

  /**
   * Puts what a report says of one or more domains. Where it rejects, some may have been put: the same report may come again.
   *
   * @param onPut told of each, as soon as that is so
   */
  async put(items: readonly Identified[], onPut: (entry: Entry, result: PutResult) => void): Promise<void> {
    const done = this.#putAll(items, onPut);
    if (await within(this.#deps.clock, PATIENCE_MS, done)) return;
    done.catch(() => {});
    throw new Error('the volume does not answer');
  }

  /** All whose range has its middle in one of the last so many days, today among them. What was read before is remembered. */
  async entries(days: number): Promise<Entry[]> {
    const { disk, path, clock } = this.#deps;
    const first = dayOf(clock.now()) - days + 1;
    const named = (await namesIn(disk, path)).flatMap(namedBy).filter(({ day }) => day >= first);
    const read = new Map<string, Entry | undefined>();
    for (const { file } of named) {
      read.set(file, this.#read.has(file) ? this.#read.get(file) : await this.#load(file));
    }
    this.#read = read;
    return [...read.values()].filter((entry) => entry !== undefined);
  }

  /** Removes what is too old, drafts of who is gone, and what is more than there may be. */
  async sweep(): Promise<void> {
    const { disk, path, clock } = this.#deps;
    const names = await namesIn(disk, path);
    const drafts = new Set(names.filter((name) => DRAFT.test(name)));
    const files = over(names.flatMap(namedBy), dayOf(clock.now())).map(({ file }) => file);
    for (const name of [...files, ...[...drafts].filter((each) => this.#drafts.has(each))]) {
      await unlinkIfThere(disk, join(path, name));
    }
    this.#drafts = drafts;
  }

  async #putAll(
    items: readonly Identified[],
    onPut: (entry: Entry, result: PutResult) => void,
  ): Promise<void> {
    const { disk, path, clock } = this.#deps;
    const today = dayOf(clock.now());
    const named = (await namesIn(disk, path)).flatMap(namedBy);
    for (const item of items) {
      const next = namedAs(item);
      const refusal = refusalOf(next, named, today);
      const result = refusal ?? (await this.#put(item.entry, next.file));
      if (result === 'kept') named.push(next);
      onPut(item.entry, result);
    }
  }

  async #put(entry: Entry, file: string): Promise<PutResult> {
    const { disk, path, random } = this.#deps;
    const draft = join(path, file.replace('json', `${random.bytes(8).toString('hex')}.new`));
    const bytes = Buffer.from(JSON.stringify({ format: 1, ...entry }));
    try {
      await this.#inFolder(() => writeSmall(disk, draft, bytes, () => disk.link(draft, join(path, file))));
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      return 'duplicate';
    }
    await disk.syncDirectory(path);
    // It counts already; what stays of it is removed by a sweep.
    await unlinkIfThere(disk, draft).catch((error) => this.#deps.onError(error));
    return 'kept';
  }

  /** Does it once more where somebody has removed the folder. */
  async #inFolder(work: () => Promise<void>): Promise<void> {
    const wasMade = this.#isMade;
    await this.#makeFolder();
    try {
      await work();
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || !wasMade) throw error;
      this.#isMade = false;
      await this.#makeFolder();
      await work();
    }
  }

  async #makeFolder(): Promise<void> {
    if (this.#isMade) return;
    const { disk, path } = this.#deps;
    await disk.makeDirectory(path);
    await disk.syncDirectory(dirname(path));
    this.#isMade = true;
  }

  /** Undefined where it has gone meanwhile, or is none of ours. */
  async #load(file: string): Promise<Entry | undefined> {
    const { disk, path, onError } = this.#deps;
    const text = await readSmall(disk, join(path, file), MOST_BYTES);
    if (text === undefined) return undefined;
    const { success, data } = entrySchema.safeParse(parsedJson(text));
    if (success && hashOf(data.domain) === FILE.exec(file)![2]) {
      const { format: _, ...entry } = data;
      return entry;
    }
    onError(new Error(`${join(path, file)} is damaged, and is ignored`));
    return undefined;
  }
}

function namedBy(file: string): Named[] {
  const [, day, domain, identity] = FILE.exec(file) ?? [];
  return identity === undefined ? [] : [{ file, day: Number(day), domain: domain!, identity }];
}

function namedAs({ entry, identity }: Identified): Named {
  const [day, domain] = [dayOf(middleOf(entry)), hashOf(entry.domain)];
  return { file: `${String(day).padStart(5, '0')}.${domain}.${identity}.json`, day, domain, identity };
}
