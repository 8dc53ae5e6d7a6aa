/** Every kind of work through every MTA, in alternated rounds, and the table of it. */
import { rawAppend, sourceToSink } from './ceiling.ts';
import type { BenchOptions, MtaName } from './options.ts';
import { measure, type Pass } from './relay.ts';
import { figure, median, table } from './table.ts';
import { WORKS, type Work, type WorkName } from './works.ts';

/** What was not measured is NaN. */
export interface Row {
  readonly work: WorkName;
  /** `none`: source and sink alone. */
  readonly mta: MtaName | 'none';
  readonly acceptPerSecond: number;
  readonly endToEndPerSecond: number;
  readonly cpuMsPerMessage: number;
  readonly peakRssMiB: number;
  readonly syncsPerMessage: number;
  /** Of the TLS handshakes, those that resumed a session: 0 to 1. */
  readonly resumedShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Compared {
  readonly rows: readonly Row[];
  /** Median, in ms, of appending as much as a message of `4k-single` has, and its fdatasync. */
  readonly rawAppendMs: number;
}

const RAW_APPENDS = 1000;

/** Rounds outermost and MTAs innermost, so that a machine that changes its pace changes it for both. */
export async function measureAll(
  mtas: readonly MtaName[],
  syncs: ReadonlyMap<string, number | undefined>,
  options: BenchOptions,
): Promise<Compared> {
  const passes = new Map<string, Pass[]>();
  const ceilings = new Map<WorkName, number[]>();
  const raw: number[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const work of options.works) {
      for (const mta of round % 2 === 1 ? mtas : mtas.toReversed()) {
        const pass = await measure(mta, work, options);
        console.error(
          `round ${round} ${work} ${mta}: ${figure(pass.endToEndPerSecond)}/s end to end, ${figure(pass.cpuMsPerMessage)} ms of CPU`,
        );
        const key = `${work} ${mta}`;
        passes.set(key, [...(passes.get(key) ?? []), pass]);
        const { single, size }: Work = WORKS[work];
        if (single) raw.push(await rawAppend(options.dir, size, RAW_APPENDS));
      }
      const messages = Math.max(50, Math.round(WORKS[work].messages * options.scale));
      const ceiling = await sourceToSink(WORKS[work], options, messages);
      ceilings.set(work, [...(ceilings.get(work) ?? []), ceiling]);
    }
  }
  const rowOf = (work: WorkName, mta: MtaName): Row => {
    const all = passes.get(`${work} ${mta}`) ?? [];
    const of = (member: keyof Pass) => median(all.map((pass) => pass[member]));
    return {
      work,
      mta,
      acceptPerSecond: of('acceptPerSecond'),
      endToEndPerSecond: of('endToEndPerSecond'),
      cpuMsPerMessage: of('cpuMsPerMessage'),
      peakRssMiB: of('peakRssMiB'),
      syncsPerMessage: syncs.get(`${work} ${mta}`) ?? Number.NaN,
      resumedShare: of('resumedShare'),
      p50Ms: of('p50'),
      p99Ms: of('p99'),
    };
  };
  const rows = options.works.flatMap((work) => [
    ...mtas.map((mta) => rowOf(work, mta)),
    { ...NOT_MEASURED, work, mta: 'none' as const, endToEndPerSecond: median(ceilings.get(work) ?? []) },
  ]);
  return { rows, rawAppendMs: median(raw) };
}

const NOT_MEASURED = {
  acceptPerSecond: Number.NaN,
  cpuMsPerMessage: Number.NaN,
  peakRssMiB: Number.NaN,
  syncsPerMessage: Number.NaN,
  resumedShare: Number.NaN,
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
};

const HEADER = [
  ...['work', 'mta', 'accept/s', 'end to end/s', 'ratio'],
  ...['CPU ms', 'peak MiB', 'syncs', 'resumed', 'p50 ms', 'p99 ms'],
];

/** The table, and a line on the one session where there is one. */
export function comparison({ rows, rawAppendMs }: Compared): string {
  const text = table(
    HEADER,
    rows.map((row) => {
      const other = rows.find(({ work, mta }) => work === row.work && mta === 'postfix');
      return [
        row.work,
        row.mta === 'none' ? '(source to sink)' : row.mta,
        figure(row.acceptPerSecond),
        figure(row.endToEndPerSecond),
        other === undefined ? '-' : `${figure(row.endToEndPerSecond / other.endToEndPerSecond)}x`,
        figure(row.cpuMsPerMessage),
        figure(row.peakRssMiB),
        figure(row.syncsPerMessage),
        figure(row.resumedShare),
        figure(row.p50Ms),
        figure(row.p99Ms),
      ];
    }),
  );
  const single = rows.find(({ work, mta }) => WORKS[work].single && mta === 'postrider');
  if (single === undefined) return text;
  const ratio = figure(single.p50Ms / rawAppendMs);
  return `${text}\n\none session: ${figure(single.p50Ms)} ms from the final dot to its 250, ${figure(rawAppendMs)} ms for a raw append and fdatasync: ${ratio}x`;
}
