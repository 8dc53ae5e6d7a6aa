import { describe, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { waitFor } from '../../test/support/wait.ts';
import type { Login } from '../compile/types.ts';
import { makeVerifier, prefixOf } from '../compile/verifier.ts';
import { KeptVerifiers } from './kept-verifiers.ts';

const anna: Login = { resource: 'MailUser/a/anna', username: 'anna', password: 'one', version: 'uid 1' };
const berta: Login = { resource: 'MailUser/a/berta', username: 'berta', password: 'two', version: 'uid 2' };

/** A config with these verifiers. */
const configOf = (...users: readonly (readonly [Login, string])[]): MtaConfig =>
  ({
    users: users.map(([{ resource, username }]) => ({ resource, username, verifier: username })),
    secrets: Object.fromEntries(users.map(([{ username }, verifier]) => [username, verifier])),
  }) as unknown as MtaConfig;

function world(make?: (password: string, salt: Buffer) => Promise<string>) {
  const made: string[] = [];
  let ready = 0;
  const failures: unknown[] = [];
  const kept = new KeptVerifiers({
    ...{ clock: systemClock, random: seeded(1), salt: 'fleet' },
    make:
      make ??
      (async (password, salt) => {
        made.push(password);
        return `${prefixOf(salt)}${password}`;
      }),
    onReady: () => {
      ready += 1;
    },
    onFailure: (error) => failures.push(error),
  });
  const ask = (current: MtaConfig | undefined, ...logins: readonly Login[]) =>
    kept.during(current, (verifierFor) => logins.map((login) => verifierFor(login)));
  return { kept, ask, made, failures, ready: () => ready };
}

describe('the verifiers of a fleet', () => {
  it('are made after the first compile, all of them, and are there for the next', async () => {
    const { ask, made, ready } = world();
    expect(ask(undefined, anna, berta)).toEqual([undefined, undefined]);
    await waitFor('both', () => ready() === 1);
    const both = ask(undefined, anna, berta);
    expect(both).toEqual([expect.stringMatching(/^\$scrypt\$.*one$/), expect.stringMatching(/two$/)]);
    expect(ask(undefined, anna, berta)).toEqual(both);
    expect(made.toSorted()).toEqual(['one', 'two']);
  });

  it('are taken from the config that an operator before had stored', async () => {
    const first = world();
    first.ask(undefined, anna);
    await waitFor('it', () => first.ready() === 1);
    const [verifier] = first.ask(undefined, anna);
    const { ask, made } = world();
    expect(ask(configOf([anna, verifier!]), anna)).toEqual([verifier]);
    // Whatever the config is by now.
    expect(ask(undefined, anna)).toEqual([verifier]);
    expect(made).toEqual([]);
  });

  it('stay as they were where a password is another, until that one is made', async () => {
    const { ask, ready } = world();
    ask(undefined, anna);
    await waitFor('it', () => ready() === 1);
    const [old] = ask(undefined, anna);
    const changed = { ...anna, password: 'three', version: 'uid 9' };
    expect(ask(configOf([anna, old!]), changed)).toEqual([old]);
    await waitFor('the other', () => ready() === 2);
    expect(ask(configOf([anna, old!]), changed)[0]).toMatch(/three$/);
  });

  it("are nobody else's, who has the name now", () => {
    const { ask } = world();
    const heir = { ...anna, resource: 'MailUser/b/anna', version: 'uid 3' };
    expect(ask(configOf([anna, 'of anna']), heir)).toEqual([undefined]);
  });

  it('stay where the Secret was written anew with the same password', async () => {
    const { ask, made, ready } = world();
    ask(undefined, anna);
    await waitFor('it', () => ready() === 1);
    const before = ask(undefined, anna);
    expect(ask(undefined, { ...anna, version: 'uid 10' })).toEqual(before);
    expect(made).toEqual(['one']);
  });

  it('are forgotten with their user', async () => {
    const { ask, made, ready } = world();
    ask(undefined, anna);
    await waitFor('it', () => ready() === 1);
    ask(undefined);
    expect(ask(undefined, anna)).toEqual([undefined]);
    await waitFor('it again', () => ready() === 2);
    expect(made).toEqual(['one', 'one']);
  });

  it('are tried again where there was no memory', async () => {
    let failed = false;
    const { ask, failures, ready } = world(async (password) => {
      if (failed) return password;
      failed = true;
      throw new Error('no memory');
    });
    ask(undefined, anna);
    await waitFor('the second try', () => ready() === 1);
    expect(failures).toHaveLength(1);
    expect(ask(undefined, anna)).toEqual(['one']);
  });

  it('keep the event loop free', async () => {
    let turns = 0;
    let done = false;
    const turn = () => {
      turns += 1;
      if (!done) systemClock.soon(turn);
    };
    turn();
    await makeVerifier('password', Buffer.alloc(16));
    done = true;
    // On the loop itself it would be one.
    expect(turns).toBeGreaterThan(5);
  });
});
