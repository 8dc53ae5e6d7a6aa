import { describe, expect, it } from 'vitest';
import { isOutOfSight, relayedBy, withDelay } from './deliver-by.ts';

const NOW = 1_800_000_000_000;
const of = (seconds: number, mode: 'return' | 'notify', deliverByTrace = false) => ({
  ...{ deliverBy: NOW + seconds * 1000, deliverByMode: mode, deliverByTrace },
});
const hop = (offered?: string, isStore = false) => ({
  isStore,
  extensions: new Map(offered === undefined ? [] : [['DELIVERBY', offered]]),
});

describe('relayedBy', () => {
  it.each([
    ['120 s are left', of(120, 'return'), hop(''), '120;R'],
    ['a part of a second is left', of(0.4, 'return'), hop(''), '1;R'],
    ['all of what is left is enough', of(240, 'return'), hop('240'), '240;R'],
    ['an option is not known', of(9, 'return'), hop('5,x-new'), '9;R'],
    ['there is no least time', of(9, 'return'), hop(',x-new'), '9;R'],
    ['the sender wants to hear of it', of(120, 'notify', true), hop(''), '120;NT'],
    ['the time has passed', of(-7, 'notify'), hop('240'), '-7;N'],
    ['it is not known there', of(120, 'notify'), hop(), undefined],
    ['a store does not know of it', of(120, 'return'), hop(undefined, true), undefined],
    ['a store knows of it', of(120, 'return'), hop('240', true), '120;R'],
    ['there is no time', {}, hop(''), undefined],
  ])('says where %s: %o', (_, envelope, receiver, said) => {
    expect(relayedBy(envelope, receiver, NOW)).toBe(said);
  });

  it.each([
    ['does not know of it', hop()],
    ['wants more time than is left', hop('121')],
  ])('refuses to have mode R go where the next hop %s', (_, receiver) => {
    expect(() => relayedBy(of(120, 'return'), receiver, NOW)).toThrow(
      expect.objectContaining({ code: 554, enhanced: '5.3.3' }),
    );
  });
});

it.each([
  [of(9, 'notify'), hop(), true],
  [of(9, 'notify'), hop(''), false],
  [of(9, 'notify'), hop(undefined, true), false],
  [of(-1, 'notify'), hop(), false],
  [of(9, 'return'), hop(), false],
  [{}, hop(), false],
])('%o goes out of sight at %o: %s', (envelope, receiver, isOut) => {
  expect(isOutOfSight(envelope, receiver, NOW)).toBe(isOut);
});

it.each([
  [undefined, ['FAILURE', 'DELAY']],
  [['NEVER'], ['NEVER']],
  [['SUCCESS'], ['SUCCESS', 'DELAY']],
  [
    ['DELAY', 'SUCCESS'],
    ['DELAY', 'SUCCESS'],
  ],
])('NOTIFY %o is %o with delays', (notify, all) => {
  expect(withDelay(notify)).toEqual(all);
});
