import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FLEET_VERSION, parseFrom, peerVersion } from './version.ts';

const schema = z.strictObject({ a: z.int(), list: z.array(z.strictObject({ b: z.string() })) });

describe('versions of the channel', () => {
  it('N goes with N-1 and N+1, and with nothing else', () => {
    expect(peerVersion(String(FLEET_VERSION))).toBe(FLEET_VERSION);
    expect(peerVersion(String(FLEET_VERSION + 1))).toBe(FLEET_VERSION + 1);
    for (const header of [String(FLEET_VERSION + 2), '0', '', 'x', undefined, '1.5', '-1']) {
      expect(() => peerVersion(header)).toThrow("doesn't go with");
    }
  });

  it('members that are unknown are left out from a newer version, refused from others', () => {
    const value = { a: 1, more: 2, list: [{ b: 'x', c: 3 }] };
    expect(parseFrom(schema, value, FLEET_VERSION + 1)).toEqual({ a: 1, list: [{ b: 'x' }] });
    expect(() => parseFrom(schema, value, FLEET_VERSION)).toThrow('nrecognized');
    expect(value).toEqual({ a: 1, more: 2, list: [{ b: 'x', c: 3 }] });
  });

  it('what is wrong is refused from any', () => {
    for (const version of [FLEET_VERSION, FLEET_VERSION + 1]) {
      expect(() => parseFrom(schema, { a: 'x', list: [], more: 1 }, version)).toThrow();
      expect(() => parseFrom(schema, null, version)).toThrow('message');
    }
  });
});
