/**
 * A message as the tree that MIME makes of it (RFC 2046 §5): told piece by piece, in the order of its octets, so that who
 * listens can write it down again as it was. What is no MIME is one entity without a type. Pure.
 */
import { type EntityHeader, parseHeader } from './header.ts';
import type { Piece } from './pieces.ts';

export interface Entity {
  /** In the order in which they begin, from 0. */
  readonly index: number;
  readonly header: EntityHeader;
  /** Undefined for the message itself. */
  readonly parent: Entity | undefined;
  readonly kind: 'leaf' | 'multipart' | 'message';
}

export interface Listener {
  /** An entity begins: its header is whole. */
  entity(entity: Entity): void;
  /** Of the body of a leaf, without the line end that belongs to the delimiter behind it (RFC 2046 §5.1.1). */
  body(entity: Entity, bytes: Buffer): void;
  /** The body of a leaf has ended. */
  ended(entity: Entity): void;
  /** Delimiters with their line ends, and what stands between parts and means nothing. */
  between(bytes: Buffer): void;
}

/** More than any mail has that a person has written. */
const DEEPEST = 100;
const LONGEST_HEADER = 256 * 1024;
/** What is kept of each costs memory. */
const MOST_ENTITIES = 10_000;

/** A header, a nesting or a number of parts that is beyond all measure. */
export class TooDeep extends Error {}

interface Open {
  readonly entity: Entity;
  /** `--` and the boundary. */
  readonly delimiter: string;
}

export class Walker {
  readonly #listener: Listener;
  readonly #open: Open[] = [];
  #entities = 0;
  #mode: 'header' | 'body' | 'between' = 'header';
  #parent: Entity | undefined;
  #leaf: Entity | undefined;
  #lines: Buffer[] = [];
  #headerBytes = 0;
  /** A line end in the body, which may belong to a delimiter. */
  #held: Buffer = NOTHING;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  piece({ bytes, startsLine }: Piece): void {
    if (startsLine && this.#isDelimiter(bytes)) return;
    if (this.#mode === 'header') this.#headerLine(bytes, startsLine);
    else if (this.#mode === 'body') this.#bodyPiece(bytes);
    else this.#listener.between(bytes);
  }

  end(): void {
    if (this.#mode === 'header') this.#headerEnds(NOTHING);
    this.#bodyEnds(true);
  }

  #headerLine(bytes: Buffer, startsLine: boolean): void {
    if (startsLine && (bytes[0] === LF || (bytes[0] === CR && bytes[1] === LF))) {
      this.#headerEnds(bytes);
      return;
    }
    this.#headerBytes += bytes.length;
    if (this.#headerBytes > LONGEST_HEADER) throw new TooDeep('a header is too long');
    if (startsLine) this.#lines.push(bytes);
    else this.#lines[this.#lines.length - 1] = Buffer.concat([this.#lines.at(-1)!, bytes]);
  }

  #headerEnds(emptyLine: Buffer): void {
    const header = parseHeader(this.#lines, emptyLine);
    const { type = '', boundary } = header;
    const isMultipart = type.startsWith('multipart/') && boundary !== undefined;
    const kind = isMultipart ? 'multipart' : type === NESTED && !isEncoded(header) ? 'message' : 'leaf';
    const entity: Entity = { index: this.#entities, header, parent: this.#parent, kind };
    this.#entities += 1;
    this.#lines = [];
    this.#headerBytes = 0;
    this.#listener.entity(entity);
    if (kind === 'multipart') {
      this.#open.push({ entity, delimiter: `--${boundary}` });
      this.#mode = 'between';
    } else if (kind === 'message' && emptyLine.length > 0) {
      this.#parent = entity;
    } else {
      this.#leaf = kind === 'leaf' ? entity : undefined;
      this.#mode = kind === 'leaf' ? 'body' : 'between';
    }
    if (depthOf(entity) > DEEPEST) throw new TooDeep('its parts are nested too deep');
    if (this.#entities > MOST_ENTITIES) throw new TooDeep('it has too many parts');
  }

  #bodyPiece(bytes: Buffer): void {
    const leaf = this.#leaf!;
    if (this.#held.length > 0) this.#listener.body(leaf, this.#held);
    const end = lineEnd(bytes);
    this.#held = end === 0 ? NOTHING : bytes.subarray(bytes.length - end);
    if (end < bytes.length)
      this.#listener.body(leaf, end === 0 ? bytes : bytes.subarray(0, bytes.length - end));
  }

  /** @param isWhole nothing follows: the last line end is the body's own */
  #bodyEnds(isWhole: boolean): void {
    const leaf = this.#leaf;
    if (leaf === undefined) return;
    if (isWhole && this.#held.length > 0) this.#listener.body(leaf, this.#held);
    this.#listener.ended(leaf);
    if (!isWhole && this.#held.length > 0) this.#listener.between(this.#held);
    this.#held = NOTHING;
    this.#leaf = undefined;
  }

  #isDelimiter(bytes: Buffer): boolean {
    if (bytes[0] !== DASH || bytes[1] !== DASH || this.#open.length === 0) return false;
    const line = bytes.toString('latin1', 0, LONGEST_DELIMITER).trimEnd();
    // RFC 2046 §5.1.2: an outer one ends what is inside of it, too.
    for (let at = this.#open.length - 1; at >= 0; at -= 1) {
      const { entity, delimiter } = this.#open[at]!;
      const isLast = line === `${delimiter}--`;
      if (!isLast && line !== delimiter) continue;
      if (this.#mode === 'header') this.#headerEnds(NOTHING);
      this.#bodyEnds(false);
      this.#open.length = isLast ? at : at + 1;
      this.#listener.between(bytes);
      this.#parent = entity;
      this.#mode = isLast ? 'between' : 'header';
      return true;
    }
    return false;
  }
}

/** What is a message in itself and may not be encoded (RFC 2046 §5.2.1), as a message/global may (RFC 6532 §3.7). */
const NESTED = 'message/rfc822';
const isEncoded = ({ encoding }: EntityHeader) => encoding === 'base64' || encoding === 'quoted-printable';

function depthOf(entity: Entity): number {
  let depth = 0;
  for (let at = entity.parent; at !== undefined; at = at.parent) depth += 1;
  return depth;
}

const NOTHING = Buffer.alloc(0);
const [CR, LF, DASH] = [13, 10, 0x2d];
/** A boundary that is longer is none of ours. */
const LONGEST_DELIMITER = 1000;

/** How many octets of a line end are at the end. */
function lineEnd(bytes: Buffer): number {
  if (bytes[bytes.length - 1] !== LF) return 0;
  return bytes[bytes.length - 2] === CR ? 2 : 1;
}
