/** What a chaos run came to, for people, and what of it makes the run fail. Pure. */
import type { Quantiles } from './duplicates.ts';
import type { ChaosReport } from './run.ts';

/** At most this many of what is wrong is printed. */
const SHOWN = 20;

export function failures(report: ChaosReport): string[] {
  const { missing, damaged, unaccounted, stuck } = report;
  const told = (what: string, all: readonly string[]) => all.slice(0, SHOWN).map((one) => `${what}: ${one}`);
  return [
    ...told('lost', missing),
    ...told('not as it was sent', damaged),
    ...told('duplicate without a fault', unaccounted),
    ...told('did not recover', stuck === undefined ? [] : [stuck]),
  ];
}

export function table(report: ChaosReport): string {
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const quantiles = ({ median, p99, longest }: Quantiles) =>
    `median ${median}, p99 ${p99}, longest ${longest} ms`;
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['seconds', report.seconds],
    ['faults', list(report.faults)],
    ['stops that cost the node its lanes', report.stopsTaken],
    ['messages sent', report.messages],
    ['recipients answered 250', report.acknowledged],
    ['lost', report.missing.length],
    ['not as they were sent', report.damaged.length],
    ['arrived without an answer', report.unanswered],
    ['refused, by code', list(report.refused)],
    ['duplicates', report.duplicates],
    ['  by fault', list(report.byFault)],
    ['  without one', report.unaccounted.length],
    ['  from reply to fault', quantiles(report.unsettledMs)],
    ['ends read in the journals', report.endsRead],
    ['reply to settlement', quantiles(report.settleMs)],
    ...report.slowest.map((one): [string, string] => ['  slow', one]),
    ['ms until all had arrived', report.drainMs],
    ['processes ended by themselves', report.exits],
    ['errors logged', list(report.errors)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
