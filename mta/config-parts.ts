/**
 * A config in pieces, as a pod of a cluster finds it: what everybody of the namespace may read in ConfigMaps, key material in Secrets,
 * each of as many objects as it takes, all mounted into one folder. Each kind has an index, which says of which revision its
 * pieces are and how many; they are written one after the other, so that a reader may meet pieces of two revisions. Pure.
 */
import { createHash } from 'node:crypto';
import type { MtaConfig } from './config.ts';
import { PostriderError } from './errors.ts';

const KINDS = ['config', 'secrets'] as const;
type Kind = (typeof KINDS)[number];

interface Index {
  readonly revision: number;
  readonly parts: number;
  /** Of the whole, in hex. */
  readonly sha256: string;
}

/** Name and content of each file of one object. */
export type Files = Readonly<Record<string, string>>;

export interface ConfigParts {
  /** One entry for each ConfigMap, one at least. */
  readonly config: readonly Files[];
  /** One for each Secret, one at least. */
  readonly secrets: readonly Files[];
}

const indexName = (kind: Kind): string => `${kind}.json`;
const partName = (kind: Kind, part: number): string => `${kind}.${String(part).padStart(3, '0')}`;

/** @param most bytes of one piece */
export function splitConfig({ secrets, ...config }: MtaConfig, most: number): ConfigParts {
  const split = (kind: Kind, document: object): Files[] => {
    const whole = Buffer.from(JSON.stringify(document));
    const pieces = piecesOf(whole, most);
    const index: Index = { revision: config.revision, parts: pieces.length, sha256: digest(whole) };
    return pieces.map((piece, i) => ({
      ...(i === 0 && { [indexName(kind)]: JSON.stringify(index) }),
      [partName(kind, i)]: piece,
    }));
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
  return { ...(config.document as object), secrets: secrets.document };
}

interface Whole {
  readonly revision: number;
  readonly document: unknown;
}

function join(kind: Kind, read: (name: string) => string | undefined): Whole {
  const index = read(indexName(kind));
  if (index === undefined) throw incomplete(`there is no ${indexName(kind)}`);
  const { revision, parts, sha256 } = JSON.parse(index) as Index;
  const pieces = Array.from({ length: parts }, (_, part) => {
    const piece = read(partName(kind, part));
    if (piece === undefined) throw incomplete(`there is no ${partName(kind, part)} of ${parts}`);
    return piece;
  });
  const whole = Buffer.from(pieces.join(''));
  if (digest(whole) !== sha256) throw incomplete(`the pieces of ${kind} are not all of revision ${revision}`);
  return { revision, document: JSON.parse(whole.toString()) };
}

/** Cut between characters: ConfigMaps hold text. */
function piecesOf(whole: Buffer, most: number): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < whole.length; ) {
    let to = Math.min(from + most, whole.length);
    while (to < whole.length && (whole[to]! & 0xc0) === 0x80) to -= 1;
    pieces.push(whole.toString('utf8', from, to));
    from = to;
  }
  return pieces;
}

const digest = (whole: Buffer): string => createHash('sha256').update(whole).digest('hex');

const incomplete = (what: string): PostriderError =>
  new PostriderError('ConfigIncomplete', what, {
    hint: 'the pieces come one after the other, within a minute or two; where they do not, look at the ConfigMaps and Secrets that the pod mounts',
  });
