/** Keys that requests to a webhook are signed with, as a Secret has them: what Standard Webhooks calls a symmetric secret. Pure. */

const PREFIX = 'whsec_';
const SHORTEST = 24;
const LONGEST = 64;

/**
 * One key on each line, `whsec_` and 24 to 64 bytes in base64; each of them signs, so that a key can be replaced while
 * both are known. Undefined where a line is anything else, or there is none.
 */
export function signingKeys(text: string): readonly Buffer[] | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const keys = lines.map(keyOf);
  return keys.length > 0 && keys.every((key) => key !== undefined) ? keys : undefined;
}

function keyOf(line: string): Buffer | undefined {
  if (!line.startsWith(PREFIX)) return undefined;
  const text = line.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  // Node reads over what isn't base64: another key than the receiver's would come of it.
  if (key.toString('base64') !== text) return undefined;
  return key.length >= SHORTEST && key.length <= LONGEST ? key : undefined;
}
