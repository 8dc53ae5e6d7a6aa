/**
 * `npm run bench`: Postrider and Postfix in turn, on one machine, one disk and one configuration of the load. See
 * docs/bench.md for what the figures mean. Exits with 1 when a pass fails, or when a 250 had no sync before it.
 */
import { writeFileSync } from 'node:fs';
import { findProgram } from '../support/debian.ts';
import { absent } from './contestants.ts';
import { measureDeferred } from './deferred.ts';
import { type BenchOptions, type MtaName, parseOptions } from './options.ts';
import { proveSyncs, syncsPerMessage } from './proof.ts';
import { measure, type Pass } from './relay.ts';
import { figure, median, table } from './table.ts';
import type { WorkName } from './works.ts';

interface Row {
  readonly work: WorkName;
  readonly mta: MtaName;
  readonly acceptPerSecond: number;
  readonly endToEndPerSecond: number;
  readonly cpuMsPerMessage: number;
  readonly peakRssMiB: number;
  readonly syncsPerMessage: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

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
  const rows = options.sections.has('relay') ? await relayRows(mtas, syncs, options) : [];
  if (rows.length > 0) console.log(`\n${relayTable(rows)}`);
  const deferred = options.sections.has('deferred') ? await measureDeferred(options) : undefined;
  if (deferred !== undefined) {
    console.log(
      `\n${deferred.messages} deferred messages: accepted at ${figure(deferred.acceptPerSecond)}/s, ` +
        `${figure(deferred.heldMiB)} MiB (${figure(deferred.emptyMiB)} MiB empty: ` +
        `${figure(deferred.bytesPerMessage)} bytes a message); after SIGKILL ready with all of them in ` +
        `${figure(deferred.recoverySeconds)} s, ${figure(deferred.recoveredMiB)} MiB`,
    );
  }
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ rows, ...(deferred && { deferred }) }, null, 2)}\n`);
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

/** Rounds outermost and MTAs innermost, so that a machine that changes its pace changes it for both. */
async function relayRows(
  mtas: readonly MtaName[],
  syncs: ReadonlyMap<string, number | undefined>,
  options: BenchOptions,
): Promise<Row[]> {
  const passes = new Map<string, Pass[]>();
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const work of options.works) {
      for (const mta of round % 2 === 1 ? mtas : mtas.toReversed()) {
        const pass = await measure(mta, work, options);
        console.error(`round ${round} ${work} ${mta}: ${figure(pass.endToEndPerSecond)}/s end to end`);
        const key = `${work} ${mta}`;
        passes.set(key, [...(passes.get(key) ?? []), pass]);
      }
    }
  }
  return options.works.flatMap((work) =>
    mtas.map((mta) => {
      const all = passes.get(`${work} ${mta}`) ?? [];
      const of = (member: keyof Pass) => median(all.map((pass) => pass[member]));
      return {
        work,
        mta,
        acceptPerSecond: of('acceptPerSecond'),
        endToEndPerSecond: of('endToEndPerSecond'),
        cpuMsPerMessage: of('cpuMsPerMessage'),
        peakRssMiB: of('peakRssMiB'),
        syncsPerMessage: syncs.get(`${work} ${mta}`) ?? null,
        p50Ms: of('p50'),
        p99Ms: of('p99'),
      };
    }),
  );
}

function relayTable(rows: readonly Row[]): string {
  const header = [
    'work',
    'mta',
    'accept/s',
    'end to end/s',
    'ratio',
    'CPU ms',
    'peak MiB',
    'syncs',
    'p50 ms',
    'p99 ms',
  ];
  return table(
    header,
    rows.map((row) => {
      const other = rows.find(({ work, mta }) => work === row.work && mta === 'postfix');
      return [
        row.work,
        row.mta,
        figure(row.acceptPerSecond),
        figure(row.endToEndPerSecond),
        other === undefined ? '-' : `${figure(row.endToEndPerSecond / other.endToEndPerSecond)}x`,
        figure(row.cpuMsPerMessage),
        figure(row.peakRssMiB),
        figure(row.syncsPerMessage ?? undefined),
        figure(row.p50Ms),
        figure(row.p99Ms),
      ];
    }),
  );
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});
