/**
 * `npm run fuzz -- [--target mime] [--seconds 600] [--seed N] [--corpus FOLDER]`: feeds each parser with anything for so long, or one of
 * them. Inputs that got somewhere new are kept in FOLDER, one folder for each target, and are begun from the next time. Ends with 1
 * at the first finding, which it prints in base64.
 */

import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../mta/clock.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { fuzz, processorMs } from './fuzz.ts';
import { targets } from './targets.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    corpus: { type: 'string' },
  },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
const names = values.target === undefined ? Object.keys(targets) : [values.target];
const unknown = names.find((name) => targets[name] === undefined);
if (unknown !== undefined || !(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error(`--target is one of ${Object.keys(targets).join(', ')}; --seconds and --seed are numbers`);
  process.exit(2);
}
for (const name of names) {
  const folder = values.corpus && join(values.corpus, name);
  if (folder) mkdirSync(folder, { recursive: true });
  const corpus = folder ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
  const { inputs, found, finding, grownMiB } = await fuzz({
    ...{
      target: targets[name]!,
      corpus,
      seconds,
      clock: systemClock,
      processor: processorMs,
      random: seeded(seed),
    },
  });
  for (const input of folder ? found : []) {
    writeFileSync(join(folder!, createHash('sha256').update(input).digest('hex').slice(0, 16)), input);
  }
  const grown = `${Math.max(0, grownMiB).toFixed(1)} MiB more in use`;
  console.log(
    `${name}: ${inputs} inputs of seed ${seed}, ${found.length} kept, ${grown}, ${finding ? 'A FINDING' : 'nothing found'}`,
  );
  if (finding !== undefined) {
    console.log(finding.error.stack ?? finding.error.message);
    console.log(`input: ${finding.input.toString('base64')}`);
    process.exit(1);
  }
}
