import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folders.ts';
import { placesOf } from './places.ts';
import { isOwned, thisProcess } from './remains.ts';

const owned = (by: string | undefined): boolean => {
  const owner = join(temporaryFolder('owner'), 'owner');
  if (by !== undefined) writeFileSync(owner, by);
  return isOwned({ ...placesOf(0), owner });
};

it('a cluster is looked after by the very process that made it, not by another of the same number', () => {
  expect(owned(thisProcess())).toBe(true);
  expect(owned(thisProcess().replace(/\d+$/, '1'))).toBe(false);
  expect(owned('4194305 1')).toBe(false);
  expect(owned(undefined)).toBe(false);
});
