/**
 * Whether a message needs SMTPUTF8 for what stands in its headers, at any level (RFC 6531 §3.6, RFC 6532 §3). A message/global is a
 * part like any other: what is in it can be encoded (RFC 6532 §3.7).
 */
import { isAscii } from 'node:buffer';
import type { MessageContent } from '../queue/types.ts';
import { chunksOf, linesOf, piecesOf } from './pieces.ts';
import { type Entity, type Listener, TooDeep, Walker } from './walk.ts';

export interface International {
  /** One that is nested beyond measure is taken to have one. */
  readonly utf8Header: boolean;
  /** A message/global, or a part of a report like it, whose octets aren't ASCII (RFC 6533 §4). */
  readonly globalPart: boolean;
}

export async function lookInto(content: MessageContent): Promise<International> {
  const look = new Look();
  const walker = new Walker(look);
  try {
    for await (const piece of piecesOf(chunksOf(content))) {
      walker.piece(piece);
      if (look.utf8Header) return look;
    }
    walker.end();
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    look.utf8Header = true;
  }
  return look;
}

/** Of a message in memory, or its beginning. */
export function hasUtf8Header(bytes: Buffer): boolean {
  const look = new Look();
  const walker = new Walker(look);
  try {
    for (const piece of linesOf(bytes)) walker.piece(piece);
    walker.end();
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    return true;
  }
  return look.utf8Header;
}

/** `message/global`, `message/global-headers`, `message/global-delivery-status`, `message/global-disposition-notification`. */
export const isGlobal = (type: string | undefined): boolean =>
  type !== undefined && /^message\/global(?:-|$)/.test(type);

class Look implements Listener, International {
  utf8Header = false;
  globalPart = false;

  entity({ header }: Entity): void {
    this.utf8Header ||= header.fields.some(({ raw }) => !isAscii(raw));
  }

  body({ header }: Entity, bytes: Buffer): void {
    this.globalPart ||= isGlobal(header.type) && !isAscii(bytes);
  }

  ended(): void {}

  between(): void {}
}
