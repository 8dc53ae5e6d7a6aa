/** xtext, in which parameters of MAIL and RCPT carry what they may not hold (RFC 3461 §4). Pure. */

const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*$/;

/** `+` and two capital hex digits are one octet. Undefined where it is malformed. */
export function decodeXtext(text: string): string | undefined {
  if (!XTEXT.test(text)) return undefined;
  return text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** An address in UTF-8 where only ASCII has a place: `j\x{F6}rg@example.org` (RFC 6533 §3). */
export function encodeUtf8Address(address: string): string {
  return Array.from(address, (character) => {
    const code = character.codePointAt(0)!;
    const isLiteral = code >= 0x21 && code <= 0x7e && !'+=\\'.includes(character);
    return isLiteral ? character : `\\x{${code.toString(16).toUpperCase().padStart(2, '0')}}`;
  }).join('');
}
