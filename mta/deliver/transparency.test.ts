import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DotStuffer } from './transparency.ts';

/** What the receiver does (RFC 5321 §4.5.2). */
function unstuff(wire: string): string {
  expect(wire.endsWith('.\r\n')).toBe(true);
  const lines = wire.split('\r\n');
  expect(lines.indexOf('.')).toBe(lines.length - 2);
  return lines
    .slice(0, -2)
    .map((line) => `${line.startsWith('.') ? line.slice(1) : line}\r\n`)
    .join('');
}

describe('transparency', () => {
  it('gives back what went in, however it is cut', () => {
    const line = fc.stringMatching(/^[.a]{0,4}$/);
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(60)), (lines, cuts) => {
        const content = lines.map((text) => `${text}\r\n`).join('');
        const stuffer = new DotStuffer();
        let from = 0;
        let wire = '';
        for (const end of [...cuts.sort((one, other) => one - other), content.length]) {
          wire += stuffer.encode(Buffer.from(content.slice(from, end))).toString();
          from = Math.max(from, Math.min(end, content.length));
        }
        expect(unstuff(wire + stuffer.end().toString())).toBe(content);
      }),
    );
  });

  it('copies nothing without need', () => {
    const bytes = Buffer.from('a\r\nb.\r\n');
    expect(new DotStuffer().encode(bytes)).toBe(bytes);
  });

  it('ends a last line that has no end', () => {
    const stuffer = new DotStuffer();
    stuffer.encode(Buffer.from('a\r'));
    expect(stuffer.end().toString()).toBe('\r\n.\r\n');
    stuffer.encode(Buffer.from('\n'));
    expect(stuffer.end().toString()).toBe('.\r\n');
  });
});
