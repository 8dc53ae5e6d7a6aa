/**
 * `npm run bench`: Postrider and Postfix in turn, on one machine, one disk and one configuration of the load. See
 * docs/bench.md for what the figures mean. Exits with 1 when a pass fails, or when a 250 had no sync before it.
 */
import { writeFileSync } from 'node:fs';
import { findProgram } from '../support/debian.ts';
import { backlogTable, measureBacklog } from './backlog.ts';
import { absent } from './contestants.ts';
import { measureOperator, operatorTable } from './operator.ts';
import { type BenchOptions, type MtaName, parseOptions } from './options.ts';
import { proveSyncs, syncsPerMessage } from './proof.ts';
import { type Compared, comparison, measureAll } from './relays.ts';
import { figure } from './table.ts';
import { measureWorkers } from './workers.ts';

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  for (const name of ['smtp-source', 'smtp-sink']) {
    if (findProgram(name) === undefined && (options.sections.has('relay') || options.sections.has('proof'))) {
      throw new Error(
        `${name} is not installed: it comes with Debian's postfix (scripts/debian-packages.sh)`,
      );
    }
  }
  const mtas = options.mtas.filter((name) => {
    const reason = absent(name);
    if (reason !== undefined) console.error(`${reason}: measuring without it`);
    return reason === undefined;
  });

  const syncs = new Map<string, number | undefined>();
  if (options.sections.has('proof')) {
    for (const name of mtas) {
      await showProof(name, options);
      for (const work of options.works) {
        syncs.set(`${work} ${name}`, await syncsPerMessage(name, work, options));
      }
    }
  }
  const compared: Compared | undefined = options.sections.has('relay')
    ? await measureAll(mtas, syncs, options)
    : undefined;
  if (compared !== undefined) console.log(`\n${comparison(compared)}`);
  const workers = options.sections.has('workers') ? await measureWorkers(options) : undefined;
  if (workers !== undefined) {
    const [one, two] = workers;
    console.log(
      `\n4k-kept: ${figure(one)} ms of CPU a message with one worker, ${figure(two)} with two: ${figure(two / one)}x`,
    );
  }
  const backlog = options.sections.has('backlog') ? await measureBacklog(options) : undefined;
  if (backlog !== undefined) console.log(`\n${backlogTable(backlog)}`);
  const operator = options.sections.has('operator') ? await measureOperator(options) : undefined;
  if (operator !== undefined) console.log(`\n${operatorTable(operator)}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ ...compared, workers, backlog, operator }, null, 2)}\n`);
  }
}

async function showProof(name: MtaName, options: BenchOptions): Promise<void> {
  const found = await proveSyncs(name, options);
  if (found === undefined) return;
  const proved = found.filter(({ syncs }) => syncs > 0).length;
  console.log(
    `${name}: a sync began after the final dot and ended before the 250 in ${proved} of ${found.length}`,
  );
  if (found.length === 0 || proved < found.length) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});
