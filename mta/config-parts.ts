/**
 * A config in pieces, as a pod of a cluster finds it: what everybody of the namespace may read in ConfigMaps, key material in Secrets,
 * each of as many objects as it takes, all mounted into one folder. Each kind has an index in an object of its own, which says of which
 * revision its pieces are and how many; they are written one after the other, so that a reader may meet pieces of two revisions.
 *
 * A change leaves alone the pieces that it isn't in: where one ends is chosen by its own text, not by how much stands before it. Pure.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { MtaConfig } from './config.ts';
import { PostriderError } from './errors.ts';

const KINDS = ['config', 'secrets'] as const;
type Kind = (typeof KINDS)[number];

interface Index {
  readonly revision: number;
  readonly id?: string | undefined;
  readonly parts: number;
  /** Of the whole, in hex. */
  readonly sha256: string;
}

/** Name and content of each file of one object. */
export type Files = Readonly<Record<string, string>>;

export interface ConfigParts {
  /** One entry for each ConfigMap, the index first. */
  readonly config: readonly Files[];
  /** One for each Secret, the index first. */
  readonly secrets: readonly Files[];
}

const indexName = (kind: Kind): string => `${kind}.json`;
const partName = (kind: Kind, part: number): string => `${kind}.${String(part).padStart(3, '0')}`;

/** @param most bytes of one piece */
export function splitConfig({ secrets, revision, id, ...config }: MtaConfig, most: number): ConfigParts {
  const split = (kind: Kind, document: object): Files[] => {
    const whole = Buffer.from(JSON.stringify(document));
    const pieces = piecesOf(whole, most);
    const index: Index = { revision, id, parts: pieces.length, sha256: digest(whole) };
    return [
      { [indexName(kind)]: JSON.stringify(index) },
      ...pieces.map((piece, i) => ({ [partName(kind, i)]: piece })),
    ];
  };
  return { config: split('config', config), secrets: split('secrets', secrets) };
}

/**
 * The document, not yet validated. Throws `ConfigIncomplete` where a piece is missing, or is of another revision: it may be on its
 * way.
 *
 * @param read the content of a file; undefined where there is none
 */
export function joinConfig(read: (name: string) => string | undefined): unknown {
  const [config, secrets] = KINDS.map((kind) => join(kind, read)) as [Whole, Whole];
  if (config.revision !== secrets.revision) {
    throw incomplete(
      `the config is of revision ${config.revision}, its secrets are of revision ${secrets.revision}`,
    );
  }
  const { revision, id } = config;
  if (id !== secrets.id) throw incomplete(`the config and its secrets are of two revisions ${revision}`);
  return { ...(config.document as object), revision, ...(id && { id }), secrets: secrets.document };
}

interface Whole {
  readonly revision: number;
  readonly id: string | undefined;
  readonly document: unknown;
}

function join(kind: Kind, read: (name: string) => string | undefined): Whole {
  const index = read(indexName(kind));
  if (index === undefined) throw incomplete(`there is no ${indexName(kind)}`);
  const { revision, id, parts, sha256 } = JSON.parse(index) as Index;
  const pieces = Array.from({ length: parts }, (_, part) => {
    const piece = read(partName(kind, part));
    if (piece === undefined) throw incomplete(`there is no ${partName(kind, part)} of ${parts}`);
    return piece;
  });
  const whole = Buffer.from(pieces.join(''));
  if (digest(whole) !== sha256) throw incomplete(`the pieces of ${kind} are not all of revision ${revision}`);
  return { revision, id, document: JSON.parse(whole.toString()) };
}

/** None but the last is smaller than two thirds of `most`. */
function piecesOf(whole: Buffer, most: number): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < whole.length; ) {
    const last = from + most;
    const to = last >= whole.length ? whole.length : cutWithin(whole, Math.ceil(last - most / 3), last);
    pieces.push(whole.toString('utf8', from, to));
    from = to;
  }
  return pieces;
}

const COMMA = ','.charCodeAt(0);
/** As much of what follows a comma as tells it from others: a name with a number in it. */
const SEEN = 48;

/** After that comma whose sequel has the lowest checksum: what was inserted before it doesn't move it. */
function cutWithin(whole: Buffer, first: number, last: number): number {
  let [cut, lowest] = [0, Number.POSITIVE_INFINITY];
  for (let at = whole.indexOf(COMMA, first); at >= 0 && at < last; at = whole.indexOf(COMMA, at + 1)) {
    const sum = crc32(whole.subarray(at, at + SEEN));
    if (sum < lowest) [cut, lowest] = [at + 1, sum];
  }
  if (cut > 0) return cut;
  // One long value: cut it between characters, as ConfigMaps hold text.
  cut = last;
  while ((whole[cut]! & 0xc0) === 0x80) cut -= 1;
  return cut;
}

const digest = (whole: Buffer): string => createHash('sha256').update(whole).digest('hex');

const incomplete = (what: string): PostriderError =>
  new PostriderError('ConfigIncomplete', what, {
    hint: 'the pieces come one after the other, within a minute or two; where they do not, look at the ConfigMaps and Secrets that the pod mounts',
  });
