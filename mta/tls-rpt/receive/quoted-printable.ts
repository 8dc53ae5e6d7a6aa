/** Quoted-printable (RFC 2045 §6.7) of strangers: in one pass and one buffer. What is none is left as it is. Pure. */

const [TAB, LF, CR, BLANK, EQUALS] = [0x09, 0x0a, 0x0d, 0x20, 0x3d];

export function fromQuotedPrintable(body: Buffer): Buffer {
  const decoded = Buffer.allocUnsafeSlow(body.length);
  let size = 0;
  for (let at = 0; at < body.length; ) {
    if (body[at] === EQUALS) {
      const octet = octetAt(body, at + 1);
      if (octet >= 0) {
        decoded[size++] = octet;
        at += 3;
        continue;
      }
      const next = nextLine(body, at + 1);
      if (next > 0) {
        at = next;
        continue;
      }
    }
    decoded[size++] = body[at++]!;
  }
  return decoded.subarray(0, size);
}

/** Of two hexadecimal digits; negative where there are none. */
function octetAt(body: Buffer, at: number): number {
  const high = digit(body[at]);
  const low = digit(body[at + 1]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

function digit(octet = 0): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  // Lower case isn't to be written, but it is.
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Where the line begins that a soft line break is before; 0 where there is no such break. Blanks before it came on the way. */
function nextLine(body: Buffer, start: number): number {
  let at = start;
  while (body[at] === BLANK || body[at] === TAB) at += 1;
  if (body[at] === CR && body[at + 1] === LF) return at + 2;
  return body[at] === LF ? at + 1 : 0;
}
