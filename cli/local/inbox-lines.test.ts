import { expect, it } from 'vitest';
import { inboxLines } from './inbox-lines.ts';

it('as many lines a second as a person can read, and a count of the others', () => {
  const lines: string[] = [];
  let end = () => undefined as undefined;
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (_: number, callback: () => void) => {
      end = callback as typeof end;
      return () => undefined;
    },
    soon: setImmediate,
  };
  const inbox = inboxLines(clock, (line) => lines.push(line));
  for (let i = 0; i < 14; i++) inbox.tell({ from: 'a@b', to: '\u001b[2Jx@y', file: 'f' });
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('  inbox: ?[2Jx@y from <a@b>: f');
  end();
  expect(lines.at(-1)).toBe('  inbox: 4 more');
  inbox.tell({ from: '', to: 'x@y', reply: '450 no' });
  expect(lines.at(-1)).toBe('  inbox: x@y from <>: 450 no');
});
