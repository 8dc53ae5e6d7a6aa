/** Inputs made of others: octets changed, taken out, doubled, put in from elsewhere. Pure, but for the chance that it is given. */
import type { Random } from '../../mta/random.ts';

/** Longest that an input grows to. */
const LONGEST = 64 * 1024;
const EDGES = [
  0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x28, 0x2b, 0x2d, 0x2e, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x5c, 0x7f, 0x80,
  0xff,
];

/**
 * @param corpus inputs to begin from, one at least
 * @param words what the format is made of
 */
export function mutate(corpus: readonly Buffer[], words: readonly string[], random: Random): Buffer {
  const any = (count: number): number => Math.floor(random.fraction() * count);
  let bytes = corpus[any(corpus.length)]!;
  const changes: readonly (() => Buffer)[] = [
    () => replaced(bytes, any(bytes.length + 1), 1, Buffer.from([EDGES[any(EDGES.length)]!])),
    () => replaced(bytes, any(bytes.length + 1), 1, Buffer.from([any(256)])),
    () => replaced(bytes, any(bytes.length + 1), any(16), Buffer.alloc(0)),
    () => replaced(bytes, any(bytes.length + 1), 0, Buffer.from([EDGES[any(EDGES.length)]!])),
    () => replaced(bytes, any(bytes.length + 1), 0, Buffer.from(words[any(words.length)]!, 'latin1')),
    () => {
      const at = any(bytes.length + 1);
      return replaced(bytes, at, 0, bytes.subarray(at, at + 1 + any(64)));
    },
    () => {
      const other = corpus[any(corpus.length)]!;
      const from = any(other.length + 1);
      return replaced(bytes, any(bytes.length + 1), any(64), other.subarray(from, from + any(256)));
    },
    // Now and then a lot of the same: what grows with the square of it shows.
    () => {
      const at = any(bytes.length + 1);
      const piece = bytes.subarray(at, at + 1 + any(8));
      return replaced(bytes, at, 0, Buffer.concat(Array.from({ length: 1 << any(14) }, () => piece)));
    },
  ];
  for (let left = 1 + any(4); left > 0; left -= 1) bytes = changes[any(changes.length)]!();
  return bytes;
}

function replaced(bytes: Buffer, at: number, length: number, by: Buffer): Buffer {
  const whole = Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
  return whole.length <= LONGEST ? whole : whole.subarray(0, LONGEST);
}
