/**
 * Policies on the volume, one file for each domain: what one worker has fetched, all that see the volume have, and a restart
 * forgets none. A file is written beside its name and renamed, so that who reads it finds it whole. What can't be read, or isn't
 * what we write, is as if it weren't there; what can't be written is kept in memory alone. Both are reported.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { type Disk, unlinkIfThere } from '../../queue/disk.ts';
import type { Random } from '../../random.ts';
import { DRAFT, namesIn, parsedJson, readSmall, replaceFile } from '../../small-files.ts';
import { within } from '../../within.ts';
import { LONGEST_AGE, type StsPolicy } from './policy.ts';

export interface StsEntry {
  readonly domain: string;
  /** Of the TXT record when it was fetched last. */
  readonly id: string;
  /** Ms since the epoch, as `usedAt`, which is right to a day. */
  readonly fetchedAt: number;
  readonly usedAt: number;
  readonly policy: StsPolicy;
}

const entrySchema = z.strictObject({
  format: z.literal(1),
  domain: z.string(),
  id: z.string(),
  fetchedAt: z.number(),
  usedAt: z.number(),
  policy: z.strictObject({
    mode: z.enum(['enforce', 'testing', 'none']),
    maxAge: z.int().min(0).max(LONGEST_AGE),
    mx: z.array(z.string()),
  }),
});

export interface StoreDeps {
  /** Folder; made when the first policy is written. */
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Files that there may be. */
  readonly most?: number;
}

const MOST = 10_000;
/** Of one file: a policy that is longer, with hundreds of hosts, is kept in memory alone. */
const MOST_BYTES = 8192;
/** A volume that doesn't answer in this time holds up its queue, and not this too. */
const PATIENCE_MS = 5000;

const FILE = /^[0-9a-f]{64}\.json$/;

export class StsStore {
  readonly #deps: StoreDeps;
  readonly #most: number;
  /** Drafts that were there at the last look: whoever wrote them is gone. */
  #drafts = new Set<string>();

  constructor(deps: StoreDeps) {
    this.#deps = deps;
    this.#most = deps.most ?? MOST;
  }

  async read(domain: string): Promise<StsEntry | undefined> {
    const entry = await this.#attempt(() => this.#load(nameOf(domain)));
    return entry?.domain === domain ? entry : undefined;
  }

  /** Resolves when others may see it, or it is known that they won't. */
  async write(entry: StsEntry): Promise<void> {
    const bytes = Buffer.from(JSON.stringify({ format: 1, ...entry }));
    if (bytes.length <= MOST_BYTES) await this.#attempt(() => this.#save(nameOf(entry.domain), bytes));
  }

  /**
   * All that is there. What is over is removed, and, where there are almost too many, those that were used least lately; so are
   * drafts of who is gone.
   */
  async sweep(isOver: (entry: StsEntry) => boolean): Promise<StsEntry[]> {
    return (await this.#attempt(() => this.#sweep(isOver), Number.POSITIVE_INFINITY)) ?? [];
  }

  async #sweep(isOver: (entry: StsEntry) => boolean): Promise<StsEntry[]> {
    const { disk, path } = this.#deps;
    const names = await this.#names();
    const drafts = new Set(names.filter((name) => DRAFT.test(name)));
    for (const name of drafts) if (this.#drafts.has(name)) await unlinkIfThere(disk, join(path, name));
    this.#drafts = drafts;
    const kept: StsEntry[] = [];
    for (const name of names.filter((each) => FILE.test(each))) {
      const entry = await this.#load(name);
      if (entry === undefined || isOver(entry)) await unlinkIfThere(disk, join(path, name));
      else kept.push(entry);
    }
    kept.sort((one, other) => other.usedAt - one.usedAt);
    for (const { domain } of kept.splice(Math.floor(this.#most * 0.9))) {
      await unlinkIfThere(disk, join(path, nameOf(domain)));
    }
    return kept;
  }

  async #load(name: string): Promise<StsEntry | undefined> {
    const { disk, path } = this.#deps;
    const text = await readSmall(disk, join(path, name), MOST_BYTES);
    if (text === undefined) return undefined;
    const { success, data } = entrySchema.safeParse(parsedJson(text));
    if (!success || nameOf(data.domain) !== name) {
      this.#deps.onError(new Error(`${join(path, name)} is damaged, and is ignored`));
      return undefined;
    }
    const { format: _, ...entry } = data;
    return entry;
  }

  async #save(name: string, bytes: Buffer): Promise<void> {
    const { disk, path, random } = this.#deps;
    await disk.makeDirectory(path);
    const target = join(path, name);
    if (!(await disk.exists(target)) && (await this.#names()).length >= this.#most) return;
    await replaceFile(target, bytes, { disk, random });
  }

  #names(): Promise<string[]> {
    return namesIn(this.#deps.disk, this.#deps.path);
  }

  /** Undefined where the volume fails, or takes too long. */
  async #attempt<T>(work: () => Promise<T>, ms = PATIENCE_MS): Promise<T | undefined> {
    let result: T | undefined;
    const done = work().then((value) => {
      result = value;
    });
    try {
      if (ms === Number.POSITIVE_INFINITY) await done;
      else if (!(await within(this.#deps.clock, ms, done))) throw new Error('the volume does not answer');
    } catch (error) {
      done.catch(() => {});
      this.#deps.onError(error);
    }
    return result;
  }
}

/** A domain may be longer than the name of a file. */
const nameOf = (domain: string): string => `${createHash('sha256').update(domain).digest('hex')}.json`;
