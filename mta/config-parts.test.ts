import { describe, expect, it } from 'vitest';
import { testConfig } from '../test/support/config.ts';
import type { MtaConfig } from './config.ts';
import { type ConfigParts, joinConfig, splitConfig } from './config-parts.ts';

const ports = { smtp: 1, submission: 2, health: 3, control: 4 };
const configOf = (revision: number, filler = ''): MtaConfig => {
  const config = testConfig('/somewhere', ports, { revision });
  return {
    ...config,
    fleet: { ...config.fleet, hostname: `mx${filler}.example` },
    secrets: { ...config.secrets, password: `geheim ${filler} ${revision}` },
  };
};

const filesOf = ({ config, secrets }: ConfigParts) =>
  Object.assign({}, ...config, ...secrets) as Record<string, string>;
const join = (files: Record<string, string>) => joinConfig((name) => files[name]);

describe('a config in pieces', () => {
  it.each([1_000_000, 100, 37, 8])('is the same again, in pieces of at most %i bytes', (most) => {
    const config = configOf(7, 'ü€𝄞'.repeat(20));
    const parts = splitConfig(config, most);
    for (const files of [...parts.config, ...parts.secrets]) {
      const [piece] = Object.entries(files).filter(([name]) => !name.endsWith('.json'));
      expect(Buffer.byteLength(piece![1])).toBeLessThanOrEqual(most);
      expect(piece![1]).not.toContain('\ufffd');
    }
    expect(join(filesOf(parts))).toEqual(JSON.parse(JSON.stringify(config)));
  });

  it('has key material in its secrets alone', () => {
    const { config } = splitConfig(configOf(7), 100);
    expect(JSON.stringify(config)).not.toContain('geheim');
  });

  it('is not taken where any piece is missing, or of another revision', () => {
    const before = filesOf(splitConfig(configOf(6, 'before'), 100));
    const after = filesOf(splitConfig(configOf(7, 'after '), 100));
    for (const name of Object.keys(after)) {
      const { [name]: _, ...without } = after;
      expect(() => join(without), name).toThrow(expect.objectContaining({ code: 'ConfigIncomplete' }));
      if (before[name] === after[name]) continue;
      const mixed = { ...after, [name]: before[name] ?? '' };
      expect(() => join(mixed), name).toThrow(expect.objectContaining({ code: 'ConfigIncomplete' }));
    }
  });

  it('is not disturbed by pieces that a longer one has left behind', () => {
    const long = filesOf(splitConfig(configOf(6, 'long'.repeat(100)), 100));
    const short = filesOf(splitConfig(configOf(7), 100));
    expect(join({ ...long, ...short })).toMatchObject({ revision: 7 });
  });
});
