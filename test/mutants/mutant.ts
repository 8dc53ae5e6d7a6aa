/**
 * A rule of the queue, broken on purpose: exact pieces of a source and what stands there instead. It fails to apply
 * where a piece is not found exactly once.
 */

export interface Mutant extends Place {
  /** Short, with hyphens: what `--only` takes. */
  readonly name: string;
  /** What the queue promises, and this breaks. */
  readonly rule: string;
  /** Where the rule is kept a second time: to break it is to break it there too. */
  readonly also?: readonly Place[];
}

export interface Place {
  /** From the root of the tree. */
  readonly file: string;
  /** Mostly one. */
  readonly edits: readonly Edit[];
}

export interface Edit {
  readonly find: string;
  readonly replace: string;
}

/** All places that a mutant changes, each in another file. */
export const placesOf = (mutant: Mutant): readonly Place[] => [mutant, ...(mutant.also ?? [])];

/** The source of a place with the rule broken. Throws where a piece stands there never or more than once. */
export function mutate(source: string, { file, edits }: Place, name: string): string {
  return edits.reduce((text, { find, replace }) => {
    const parts = text.split(find);
    if (parts.length === 2) return parts.join(replace);
    throw new Error(
      `mutant ${name}: a piece of it stands ${parts.length - 1} times in ${file}. Where the code has changed, write the ` +
        `mutant anew, so that it breaks the same rule; where the rule is gone, remove it. The piece:\n${find}`,
    );
  }, source);
}
