/**
 * A message in the form that a next hop takes: the bodies that it doesn't take as they are in quoted-printable or base64,
 * part by part, with the headers that say so. Everything else stays byte for byte. Two readings: one finds out what has to
 * be changed, the other changes it as it goes. In bounded memory.
 */
import { isAscii } from 'node:buffer';
import { Readable } from 'node:stream';
import { smtpError } from '../errors.ts';
import type { MessageContent } from '../queue/types.ts';
import { Base64Encoder, type Encoder, QuotedPrintableEncoder } from './encoders.ts';
import { asciiField } from './fields.ts';
import type { EntityHeader } from './header.ts';
import { chunksOf, piecesOf } from './pieces.ts';
import { type Change, type Plan, Planner, type Target } from './plan.ts';
import { type Entity, type Listener, TooDeep, Walker } from './walk.ts';

/** Rejects with `notConvertible`, 5.6.3, where that can't be: what is signed or encrypted, or is no MIME. */
export async function convert(content: MessageContent, target: Target): Promise<MessageContent> {
  const planner = new Planner(target);
  const walker = new Walker(planner);
  try {
    for await (const piece of piecesOf(chunksOf(content))) walker.piece(piece);
    walker.end();
  } catch (error) {
    if (error instanceof TooDeep) throw smtpError('notConvertible', { detail: error.message });
    throw error;
  }
  const { plan } = planner;
  if (plan.obstacle !== undefined) throw smtpError('notConvertible', { detail: plan.obstacle });
  const stream = () => Readable.from(converted(content, target, plan), { objectMode: false });
  return { size: content.size + plan.growth, bytes: undefined, stream };
}

async function* converted(
  content: MessageContent,
  target: Target,
  plan: Plan,
): AsyncGenerator<Buffer, void, undefined> {
  const writer = new Writer(target, plan.changes);
  const walker = new Walker(writer);
  for await (const piece of piecesOf(chunksOf(content))) {
    walker.piece(piece);
    if (writer.pending >= BLOCK) yield writer.take();
  }
  walker.end();
  yield writer.take();
}

/** Written down in blocks of about this size. */
const BLOCK = 32 * 1024;

class Writer implements Listener {
  readonly #target: Target;
  readonly #changes: ReadonlyMap<number, Change>;
  #out: Buffer[] = [];
  #encoder: Encoder | undefined;
  pending = 0;

  constructor(target: Target, changes: ReadonlyMap<number, Change>) {
    this.#target = target;
    this.#changes = changes;
  }

  take(): Buffer {
    const out = Buffer.concat(this.#out);
    this.#out = [];
    this.pending = 0;
    return out;
  }

  entity({ index, header, parent }: Entity): void {
    const change = this.#changes.get(index);
    const label = change === 'relabel' ? (this.#target === '7bit' ? '7bit' : '8bit') : change;
    this.#encoder =
      change === 'base64'
        ? new Base64Encoder()
        : change === 'quoted-printable'
          ? new QuotedPrintableEncoder()
          : undefined;
    let isLabelled = label === undefined;
    for (const { name, raw } of header.fields) {
      if (name === LABEL && label !== undefined) {
        if (!isLabelled) this.#write(labelled(label));
        isLabelled = true;
      } else this.#write((this.#target === '7bit' && !isAscii(raw) && asciiField(name, raw)) || raw);
    }
    if (label !== undefined && !isLabelled) {
      if (parent === undefined) for (const line of missing(header)) this.#write(line);
      this.#write(labelled(label));
    }
    this.#write(header.end);
  }

  body(_: Entity, bytes: Buffer): void {
    this.#write(this.#encoder === undefined ? bytes : this.#encoder.push(bytes));
  }

  ended(): void {
    if (this.#encoder !== undefined) this.#write(this.#encoder.end());
    this.#encoder = undefined;
  }

  /** Nobody reads what stands beside the parts. */
  between(bytes: Buffer): void {
    this.#write(isAscii(bytes) || this.#target !== '7bit' ? bytes : withoutHigh(bytes));
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#out.push(bytes);
    this.pending += bytes.length;
  }
}

const LABEL = 'content-transfer-encoding';
const labelled = (encoding: string): Buffer => Buffer.from(`Content-Transfer-Encoding: ${encoding}\r\n`);

/** What a message has to say of itself so that an encoding means something (RFC 2045 §4, RFC 1428 §3). */
function missing({ hasVersion, type }: EntityHeader): Buffer[] {
  return [
    ...(hasVersion ? [] : ['MIME-Version: 1.0\r\n']),
    ...(type === undefined ? ['Content-Type: text/plain; charset=unknown-8bit\r\n'] : []),
  ].map((line) => Buffer.from(line));
}

const withoutHigh = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => (byte < 128 ? byte : 0x3f)));
