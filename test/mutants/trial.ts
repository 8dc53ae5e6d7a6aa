/** The trial of one mutant: whether the simulation finds it, and only it. */
import { inCopy } from './copy.ts';
import type { Mutant } from './mutant.ts';
import { simulate } from './simulation.ts';

export type Outcome =
  | {
      readonly state: 'caught';
      readonly invariant: string;
      readonly seed: number;
      /** Run until then, those too small to count included. */
      readonly schedules: number;
    }
  | { readonly state: 'survived'; readonly schedules: number }
  /** No verdict: neither good nor bad was shown. */
  | { readonly state: 'failed'; readonly reason: string };

export interface Trial {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  readonly seconds: number;
}

export interface TrialOptions {
  readonly root: string;
  readonly seed: number;
  readonly schedules: number;
  readonly timeoutMs: number;
}

/** Tries a mutant; a seed that catches it must end well without it. Never rejects. */
export async function tryMutant(mutant: Mutant, options: TrialOptions): Promise<Trial> {
  const began = performance.now();
  const outcome = await outcomeOf(mutant, options).catch(
    (error: Error): Outcome => ({ state: 'failed', reason: error.message }),
  );
  return { mutant, outcome, seconds: (performance.now() - began) / 1000 };
}

async function outcomeOf(mutant: Mutant, options: TrialOptions): Promise<Outcome> {
  const { root, seed, schedules, timeoutMs } = options;
  const verdict = await inCopy(root, mutant, (folder) => simulate(folder, { seed, schedules, timeoutMs }));
  const [first] = verdict.violations;
  if (!first) return { state: 'survived', schedules: verdict.schedules };
  const sound = await inCopy(root, undefined, (folder) =>
    simulate(folder, { seed: first.seed, schedules: 1, timeoutMs }),
  );
  if (sound.violations.length > 0) {
    return { state: 'failed', reason: `seed ${first.seed} ends in a violation without the mutant too` };
  }
  const { invariant } = first;
  return { state: 'caught', invariant, seed: first.seed, schedules: first.seed - seed + 1 };
}

/** Tries all, `atOnce` at a time; tells of each as it ends. The result is in the order of the list. */
export async function tryAll(
  mutants: readonly Mutant[],
  options: TrialOptions & { readonly atOnce: number },
  onTrial: (trial: Trial) => void,
): Promise<Trial[]> {
  const trials = new Map<Mutant, Trial>();
  const waiting = mutants.values();
  const work = async (): Promise<void> => {
    for (const mutant of waiting) {
      const trial = await tryMutant(mutant, options);
      trials.set(mutant, trial);
      onTrial(trial);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, work));
  return mutants.map((mutant) => trials.get(mutant)!);
}
