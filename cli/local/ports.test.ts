import { describe, expect, it } from 'vitest';
import { DEFAULT_PORTS, parsePorts } from './ports.ts';

describe('--port', () => {
  it('moves what it names', () => {
    expect(parsePorts([])).toEqual(DEFAULT_PORTS);
    expect(parsePorts(['smtp=3525', 'inbox=3524', 'smtp=4525'])).toEqual({
      ...DEFAULT_PORTS,
      inbox: 3524,
      listeners: { smtp: 4525 },
    });
  });

  it.each(['smtp', 'smtp=', 'smtp=0', 'smtp=65536', 'smtp=x', '=25', 'SMTP=25', 'smtp=25=26'])(
    'refuses %s',
    (text) => {
      expect(() => parsePorts([text])).toThrow('write NAME=NUMBER');
    },
  );
});
