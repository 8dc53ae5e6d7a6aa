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
    for (const [index, ...pieces] of [parts.config, parts.secrets]) {
      expect(Object.keys(index!)).toEqual([expect.stringMatching(/^(config|secrets)\.json$/)]);
      for (const piece of pieces.flatMap((files) => Object.values(files))) {
        expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(most);
        expect(piece).not.toContain('\ufffd');
      }
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

  it('is not taken with the secrets of another writer, though they have its revision', () => {
    const [ours, theirs] = ['ours', 'theirs'].map((id) => splitConfig({ ...configOf(7), id }, 100));
    expect(join(filesOf(ours!))).toMatchObject({ revision: 7, id: 'ours' });
    expect(() => join(filesOf({ config: ours!.config, secrets: theirs!.secrets }))).toThrow(
      expect.objectContaining({ code: 'ConfigIncomplete' }),
    );
  });

  it('has the same pieces where a change is not', () => {
    const domains = Array.from({ length: 2000 }, (_, i) => ({
      ...{
        resource: `MailDomain/mail/domain-${i}`,
        domain: `domain-${i}.example`,
        aliases: [],
        trusted: true,
      },
      target: { type: 'lmtp' as const, hosts: [{ host: 'inbox.example', port: 24 }] },
      recipients: { mode: 'list' as const, list: ['anna', 'berta'] },
    }));
    const base = { ...configOf(7), domains };
    const changed = (i: number): MtaConfig => ({
      ...base,
      revision: 8,
      domains: domains.with(i, { ...domains[i]!, aliases: ['another.example'] as never[] }),
    });
    const before = splitConfig(base, 20_000).config.map((files) => JSON.stringify(files));
    expect(before.length).toBeGreaterThan(15);
    const same = Array.from({ length: 100 }, (_, i) => {
      const after = splitConfig(changed(i * 20), 20_000).config.map((files) => JSON.stringify(files));
      return before.filter((files) => !after.includes(files)).length;
    });
    // The index, and a piece; now and then the cut is elsewhere, and then a few more.
    const few = same.filter((count) => count <= 2).length;
    expect(few / same.length).toBeGreaterThan(0.9);
  });

  it('is not disturbed by pieces that a longer one has left behind', () => {
    const long = filesOf(splitConfig(configOf(6, 'long'.repeat(100)), 100));
    const short = filesOf(splitConfig(configOf(7), 100));
    expect(join({ ...long, ...short })).toMatchObject({ revision: 7 });
  });
});
