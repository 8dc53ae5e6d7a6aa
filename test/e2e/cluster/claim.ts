/** A number of its own for each cluster of this machine. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MOST_CLUSTERS, type Places, placesOf } from './places.ts';
import { removeAbandoned, thisProcess } from './remains.ts';

/** Makes the folder of the first number that is free, with its owner in it, at once. Throws where all are taken. */
export async function claimPlaces(): Promise<Places> {
  await removeAbandoned();
  for (let number = 0; number < MOST_CLUSTERS; number += 1) {
    const places = placesOf(number);
    const made = mkdtempSync(`${places.folder}-new-`);
    writeFileSync(join(made, basename(places.owner)), thisProcess());
    mkdirSync(join(made, basename(places.logs)));
    try {
      // Fails where there is one: no folder with something in it is renamed over.
      renameSync(made, places.folder);
      return places;
    } catch {
      rmSync(made, { recursive: true });
    }
  }
  throw new Error(`there are ${MOST_CLUSTERS} clusters on this machine already`);
}
