/** xtext, in which parameters of MAIL and RCPT carry what they may not hold (RFC 3461 §4). Pure. */

const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*$/;

/** `+` and two capital hex digits are one octet. Undefined where it is malformed. */
export function decodeXtext(text: string): string | undefined {
  if (!XTEXT.test(text)) return undefined;
  return text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** An address in UTF-8 where only ASCII has a place: `j\x{F6}rg@example.org` (RFC 6533 §3, utf-8-addr-xtext). */
export function encodeUtf8Address(address: string): string {
  return Array.from(address, (character) => {
    const isLiteral = character >= '!' && character <= '~' && !'+=\\'.includes(character);
    return isLiteral ? character : embedded(character);
  }).join('');
}

/** The same of one that is encoded, but for what isn't ASCII in it (RFC 6533 §3, utf-8-addr-unitext). */
export function encodeUnitext(unitext: string): string {
  return unitext.replace(NON_ASCII, embedded);
}

/** The address that was encoded as unitext; undefined where that is malformed. */
export function decodeUnitext(unitext: string): string | undefined {
  if (/\\(?!x\{[0-9A-F]{2,6}\})/.test(unitext)) return undefined;
  try {
    return unitext.replace(/\\x\{([0-9A-F]{2,6})\}/g, (_, hex: string) =>
      String.fromCodePoint(Number.parseInt(hex, 16)),
    );
  } catch {
    // Beyond the last character that there is.
    return undefined;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is asked about
const NON_ASCII = /[^\u0000-\u007f]/gu;

const embedded = (character: string): string =>
  `\\x{${character.codePointAt(0)!.toString(16).toUpperCase().padStart(2, '0')}}`;
