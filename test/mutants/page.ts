/** docs/queue-mutants.md, made from the trials. Pure. */
import { placesOf } from './mutant.ts';
import type { Outcome, Trial } from './trial.ts';

export interface PageFacts {
  readonly trials: readonly Trial[];
  readonly seed: number;
  readonly schedules: number;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

export function describe(outcome: Outcome): readonly [by: string, after: string, seed: string] {
  if (outcome.state === 'caught') {
    return [outcome.invariant, String(outcome.schedules), String(outcome.seed)];
  }
  if (outcome.state === 'survived') return ['SURVIVED', String(outcome.schedules), '-'];
  return [`NO VERDICT: ${outcome.reason}`, '-', '-'];
}

export function page({ trials, seed, schedules }: PageFacts): string {
  const rows = trials.map(({ mutant, outcome }) => {
    const { name, rule } = mutant;
    const files = placesOf(mutant).map(({ file }) => file);
    return `| \`${name}\` | ${[rule, files.join(', '), ...describe(outcome)].map(cell).join(' | ')} |`;
  });
  return `# Would the simulation notice?

A simulation that finds nothing proves something only if it finds what is there. So each rule of the queue is broken on
purpose, one at a time, in a copy of the tree, and the simulation must object. A rule that can be broken without harm
would be a rule too many.

\`node test/mutants/main.ts\` tries them all, \`--only NAME\` one of them; \`--write\` renews this page. Each seed below ends
well without its mutant: \`node test/simulation/main.ts --seed N --schedules 1\`. The list is in \`test/mutants/rules/\`.

Seeds from ${seed} on, at most ${schedules} schedules each.

Some steps of these rules are met too seldom for that, once in 40,000 schedules or less. Tests play them: that the renewal before
a drop, and a retirement, are proven to have lasted before anything is unlinked (\`ghost.test.ts\`, \`retire.test.ts\`); that a
tail is read anew where a crash has torn it before it was safe (\`tail.test.ts\`); that a segment beyond a hole counts for nothing
(\`ghost.test.ts\`); that names are proven of which somebody else was told that they are lost (\`told-once.test.ts\`);
that the first segment of an adopter is named by its lease before anything is dropped (\`compaction.test.ts\`).

| mutant | rule that it breaks | file | caught as | after schedules | seed |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
