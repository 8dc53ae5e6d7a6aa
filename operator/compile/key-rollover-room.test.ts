/** How many names there is room for: with one key each, and while the keys change. */
import { describe, expect, it } from 'vitest';
import { MOST_RECORDS } from '../../crds/status.ts';
import { issue, record, sorted, verdictOf, World } from './testing/rollover.ts';

const hosts = (count: number, kind = 'mx') =>
  Array.from({ length: count }, (_, index) => `${kind}${index}.example.test`);

it('more than a status has room for when all keys change are refused before one does', () => {
  const world = new World(issue(...hosts(MOST_RECORDS / 2 + 1)));
  world.hostname = 'mx0.example.test';
  const { diagnostics, config } = world.look();
  expect(config).toBeUndefined();
  expect(diagnostics).toContainEqual(
    expect.objectContaining({
      path: 'spec.listeners[0].tls.dane',
      message: expect.stringMatching(/have names for 257 records, .* for 256 names/),
    }),
  );
});

describe('as many names as there is room for', () => {
  const most = hosts(MOST_RECORDS / 2);
  const begun = () => {
    const old = issue(...most);
    const world = new World(old);
    world.hostname = most[0]!;
    expect(verdictOf(world.look()).reason).toBe('DANEReady');
    return { world, old };
  };

  it('have both keys listed while they change', () => {
    const { world, old } = begun();
    const fresh = issue(...most);
    world.secrets['mx'] = fresh;
    expect(world.look().config).toBeDefined();
    expect(world.listed).toEqual(sorted(...most.flatMap((name) => [record(name, old), record(name, fresh)])));
    world.look(1);
    expect(world.shown()).toEqual([fresh]);
    expect(world.listed).toEqual(sorted(...most.map((name) => record(name, fresh))));
  });

  it('are not refused while they change, though more than that would be listed, and no key waits for ever', () => {
    const { world, old } = begun();
    const [first, further] = [issue(most[0]!), issue(...hosts(127, 'other'))];
    world.secrets = { mx: first, further };
    world.tls = { ...world.tls, additionalCertificateRefs: [{ name: 'further' }] };
    expect(world.look().config).toBeDefined();
    expect(world.shown()).toEqual([old, further]);
    expect(world.listed).toHaveLength(MOST_RECORDS);
    expect(world.listed).toEqual(expect.arrayContaining(most.map((name) => record(name, old))));
    expect(verdictOf(world.look(1)).reason).toBe('DANEReady');
    expect(world.shown()).toEqual([first, further]);
  });
});
