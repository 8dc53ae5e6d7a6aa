import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairSplit, type Grant } from './fair-split.ts';

const ID = 'connections mx:a.test';

/** Workers behind channels that keep their order, and are slow. */
function world(tokens: number) {
  const split = new FairSplit<string>();
  const inboxes = new Map<string, Grant[]>();
  const states = new Map<string, { want: number; use: number; grant: Grant | undefined }>();
  const state = (name: string) => {
    const known = states.get(name) ?? { want: 0, use: 0, grant: undefined };
    states.set(name, known);
    return known;
  };
  const send = (grants: [string, Grant][]) => {
    for (const [name, grant] of grants) inboxes.set(name, [...(inboxes.get(name) ?? []), grant]);
  };
  const tell = (name: string) => {
    const { want, use, grant } = state(name);
    split.need(name, { id: ID, want, use, by: grant?.number ?? 0 });
    send(split.divide(ID, tokens, 0));
  };
  const hear = (name: string) => {
    const grant = inboxes.get(name)?.shift();
    if (grant === undefined) return;
    state(name).grant = grant;
    tell(name);
  };
  const inUse = () => [...states.values()].reduce((sum, { use }) => sum + use, 0);
  return { split, state, tell, hear, inUse, send };
}

describe('FairSplit', () => {
  it('lets workers use no more than there is, whatever they want and whenever they hear of it', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('want', 'use', 'end', 'hear', 'hear', 'tell'),
      amount: fc.nat(8),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 200 }), (tokens, steps) => {
        const { state, tell, hear, inUse } = world(tokens);
        for (const { name, what, amount } of steps) {
          const worker = state(name);
          if (what === 'want') worker.want = amount;
          if (what === 'use' && worker.use < (worker.grant?.tokens ?? 0)) worker.use += 1;
          if (what === 'end') worker.use = Math.max(0, worker.use - 1);
          if (what === 'hear') hear(name);
          if (what === 'tell') tell(name);
          expect(inUse()).toBeLessThanOrEqual(tokens);
        }
      }),
    );
  });

  it('gives one alone all that it wants, and each its part when another comes', () => {
    const { state, tell, hear } = world(10);
    state('a').want = 10;
    tell('a');
    hear('a');
    expect(state('a').grant?.tokens).toBe(10);
    state('b').want = 10;
    tell('b');
    hear('a');
    hear('b');
    expect([state('a').grant?.tokens, state('b').grant?.tokens]).toEqual([5, 5]);
  });

  it('gives what a worker that is gone had to the others', () => {
    const { split, state, tell, hear, send } = world(4);
    for (const name of ['a', 'b']) {
      state(name).want = 4;
      tell(name);
    }
    for (let n = 0; n < 4; n += 1) for (const name of ['a', 'b']) hear(name);
    expect(split.gone('a')).toEqual([{ id: ID, use: 0 }]);
    send(split.divide(ID, 4, 0));
    hear('b');
    expect(state('b').grant?.tokens).toBe(4);
  });
});
