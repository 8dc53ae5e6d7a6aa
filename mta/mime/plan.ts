/**
 * Which entities of a message have to be made another way for a next hop, and how (RFC 6152 §3, RFC 3030 §3). From one
 * reading of the whole message; memory is one entry for each entity. Pure.
 */
import { isAscii } from 'node:buffer';
import { asciiField } from './fields.ts';
import { isGlobal } from './international.ts';
import type { Entity, Listener } from './walk.ts';

/** What a next hop takes: `7bit`, or `8bit` too, or `utf8` in headers besides, all in lines. */
export type Target = '7bit' | '8bit' | 'utf8';

export type Change = 'quoted-printable' | 'base64' | 'relabel';

export interface Plan {
  /** By the index of the entity; those that stay as they are have none. */
  readonly changes: ReadonlyMap<number, Change>;
  /** Why it can't be done, if it can't. */
  readonly obstacle: string | undefined;
  /** Octets that it will have, about: for SIZE (RFC 1870 §5). */
  readonly growth: number;
}

/** RFC 5322 §2.1.1, without CRLF. */
const LONGEST_LINE = 998;
/** So much of a body base64 adds. */
const BASE64_GROWTH = 0.37;
/** By so many octets it has to be shorter: nobody can read it. */
const READABLE = 24;
/** Types whose body may have no encoding (RFC 2046 §5.1 and §5.2). */
const COMPOSITE = /^(?:multipart\/|message\/(?:rfc822|partial|external-body)$)/;
/** Whoever verifies or decrypts them wants every octet as it was (RFC 1847 §2.1 and §2.2). */
const SEALED = new Set(['multipart/signed', 'multipart/encrypted']);
const IDENTITY = new Set<string | undefined>([undefined, '7bit', '8bit', 'binary']);

/** Of the body of a leaf. */
class Body {
  octets = 0;
  high = 0;
  /** Characters that quoted-printable quotes, beside those above 127. */
  quoted = 0;
  isText = true;
  #line = 0;
  #endsInCr = false;

  see(bytes: Buffer): void {
    this.octets += bytes.length;
    for (const byte of bytes) {
      if (this.#endsInCr && byte !== 10) this.isText = false;
      if (byte >= 128) this.high += 1;
      else if (byte === 0x3d || (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13)) this.quoted += 1;
      if (byte === 0 || (byte === 10 && !this.#endsInCr)) this.isText = false;
      this.#line = byte === 10 ? 0 : this.#line + 1;
      if (this.#line > LONGEST_LINE + (byte === 13 ? 1 : 0)) this.isText = false;
      this.#endsInCr = byte === 13;
    }
  }

  end(): void {
    if (this.#endsInCr) this.isText = false;
  }

  /** RFC 6533 §4.5: who has no SMTPUTF8 is given nothing of it that isn't encoded. */
  fits(target: Target, type: string): boolean {
    return this.isText && (this.high === 0 || target === 'utf8' || (target === '8bit' && !isGlobal(type)));
  }
}

export class Planner implements Listener {
  readonly #target: Target;
  readonly #changes = new Map<number, Change>();
  #body = new Body();
  #obstacle: string | undefined;
  #growth = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  get plan(): Plan {
    return { changes: this.#changes, obstacle: this.#obstacle, growth: this.#growth };
  }

  entity(entity: Entity): void {
    this.#body = new Body();
    const { encoding } = entity.header;
    const saysMore = encoding === 'binary' || (encoding === '8bit' && this.#target === '7bit');
    const seal = sealOf(entity);
    // A label that says too much does no harm; a seal that is broken does.
    if (saysMore && seal === undefined) this.#changes.set(entity.index, 'relabel');
    if (this.#target !== '7bit') return;
    for (const { name, raw } of entity.header.fields) {
      if (isAscii(raw)) continue;
      if (seal !== undefined) this.#refuse(`it would break ${seal}`);
      else if (asciiField(name, raw) === undefined) this.#refuse(`its ${name} field needs SMTPUTF8`);
    }
  }

  body(_: Entity, bytes: Buffer): void {
    this.#body.see(bytes);
  }

  ended(entity: Entity): void {
    const body = this.#body;
    body.end();
    const { type = 'text/plain', encoding } = entity.header;
    if (body.fits(this.#target, type)) return;
    const seal = sealOf(entity);
    if (seal !== undefined) this.#refuse(`it would break ${seal}`);
    else if (COMPOSITE.test(type)) this.#refuse(`${type} can't be encoded`);
    else if (!IDENTITY.has(encoding))
      this.#refuse(`a part in ${encoding} has octets that have no place there`);
    else this.#encode(entity, body, type.startsWith('text/') || isGlobal(type));
  }

  between(): void {}

  #encode({ index }: Entity, { octets, high, quoted }: Body, isTextual: boolean): void {
    const quotes = high + quoted;
    const isQuotable = isTextual && quotes * 2 <= octets * BASE64_GROWTH + READABLE;
    this.#changes.set(index, isQuotable ? 'quoted-printable' : 'base64');
    this.#growth += isQuotable ? quotes * 2 + Math.ceil(octets / 25) : Math.ceil(octets * BASE64_GROWTH);
  }

  #refuse(obstacle: string): void {
    this.#obstacle ??= obstacle;
  }
}

function sealOf(entity: Entity): string | undefined {
  for (let at = entity.parent; at !== undefined; at = at.parent) {
    if (SEALED.has(at.header.type ?? '')) return at.header.type;
  }
  return undefined;
}
