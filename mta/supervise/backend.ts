/** Answers the HTTP ports for all workers: asks each, and puts their answers together. */

import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import type { DrainControl } from '../control/drain-types.ts';
import { MetricsSum } from '../control/metrics-sum.ts';
import type { WorkerDestination, WorkerSummary, WorkerTotals } from '../control/operations.ts';
import type { ControlBackend, DestinationSummary, QueueSummary, QueueTotals } from '../control/types.ts';
import { PostriderError } from '../errors.ts';
import { openRedact } from '../log/open.ts';
import { searchHistory } from '../log/search.ts';
import type { HistoryRecord } from '../log/types.ts';
import type { Random } from '../random.ts';
import { parseConfig } from '../setup.ts';
import type { ReportStore } from '../tls-rpt/receive/store.ts';
import { tlsReportsOf } from '../tls-rpt/receive/view.ts';
import type { JoinedFleet } from './fleet.ts';
import type { Supervisor } from './supervisor.ts';

const MOST_DESTINATIONS = 1000;

export function controlBackend(
  supervisor: Supervisor,
  deps: {
    readonly fleet: JoinedFleet | undefined;
    readonly drain: DrainControl;
    readonly reports: Pick<ReportStore, 'entries'>;
    readonly clock: Clock;
    readonly random: Random;
  },
): ControlBackend {
  const metricsSum = new MetricsSum();
  return {
    drain: deps.drain,
    live: () => supervisor.live(),
    notReady: () => supervisor.notReady(),
    async metrics() {
      const ours = await metricsSum.text(await supervisor.all((worker) => worker.metrics()));
      return ours + ((await deps.fleet?.metrics()) ?? '');
    },
    fleet: () => ({
      member: deps.fleet?.channel.self,
      members: deps.fleet?.channel.members() ?? [],
      budgets: supervisor.pod.state(),
    }),
    config: () => supervisor.status(),
    async load(document) {
      let config: MtaConfig;
      try {
        config = parseConfig(document);
      } catch (error) {
        const { revision } = (document ?? {}) as { revision?: unknown };
        if (error instanceof PostriderError) {
          supervisor.refuse(typeof revision === 'number' ? revision : undefined, error.message);
        }
        throw error;
      }
      return supervisor.load(config);
    },
    queue: async () => mergeSummaries(await supervisor.all((worker) => worker.queue()), deps.clock.now()),
    async totals() {
      const answers = await supervisor.all((worker) => worker.totals());
      return {
        ...mergeTotals(answers, deps.clock.now()),
        isPartial: answers.length < supervisor.config.workers,
      };
    },
    tlsReports: (days) => tlsReportsOf(deps.reports, supervisor.config, days),
    async messages(filter) {
      const found = await supervisor.all((worker) => worker.messages(filter));
      return found
        .flat()
        .sort((a, b) => (a.arrivedAt < b.arrivedAt ? -1 : 1))
        .slice(0, filter.limit);
    },
    async message(id) {
      const found = await supervisor.all((worker) => worker.message(id));
      return found.find((message) => message !== undefined);
    },
    async content(id, limit) {
      const found = await supervisor.all((worker) => worker.content(id, limit));
      const bytes = found.find((content) => content !== undefined);
      return bytes === undefined ? undefined : Buffer.from(bytes);
    },
    async act(action, select) {
      if ('ids' in select || select.filter.limit === Number.MAX_SAFE_INTEGER) {
        const what = 'ids' in select ? select.ids : select.filter;
        const changed = await supervisor.all((worker) => worker.act(action, what));
        return changed.reduce((sum, count) => sum + count, 0);
      }
      // One after the other, as the limit is for all of them together.
      let left = select.filter.limit;
      let turn: Promise<number> = Promise.resolve(0);
      await supervisor.all((worker) => {
        turn = turn
          .catch(() => 0)
          .then(async () => {
            const changed = left === 0 ? 0 : await worker.act(action, { ...select.filter, limit: left });
            left -= changed;
            return changed;
          });
        return turn;
      });
      return select.filter.limit - left;
    },
    async history(query) {
      const { log } = supervisor.config;
      const records: HistoryRecord[] = [];
      const redact = await openRedact(log, deps.random);
      for await (const record of searchHistory(log.historyPath, query, redact)) records.push(record);
      return records;
    },
  };
}

/** One summary of several workers; `now` in ms since the epoch. */
export function mergeSummaries(summaries: readonly WorkerSummary[], now: number): QueueSummary {
  return {
    ...mergeTotals(summaries, now),
    destinations: mergeDestinations(summaries.flatMap((summary) => summary.destinations)),
  };
}

export function mergeTotals(totals: readonly WorkerTotals[], now: number): QueueTotals {
  const counts = totals.map((each) => each.counts);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const oldest = Math.min(...counts.map((count) => count.oldest ?? Number.POSITIVE_INFINITY));
  const isEmpty = oldest === Number.POSITIVE_INFINITY;
  const recipients = (state: keyof WorkerTotals['recipients']) =>
    sum(totals.map((each) => each.recipients[state]));
  return {
    messages: sum(counts.map((count) => count.messages)),
    bytes: sum(counts.map((count) => count.bytes)),
    oldestSeconds: isEmpty ? undefined : Math.max(0, (now - oldest) / 1000),
    ...(!isEmpty && { oldestAt: new Date(oldest).toISOString() }),
    lanes: sum(counts.map((count) => count.lanes)),
    damaged: sum(counts.map((count) => count.damaged)),
    full: counts.some((count) => count.full),
    recipients: {
      due: recipients('due'),
      active: recipients('active'),
      deferred: recipients('deferred'),
      held: recipients('held'),
    },
  };
}

function mergeDestinations(parts: readonly WorkerDestination[]): DestinationSummary[] {
  const merged = new Map<string, WorkerDestination>();
  for (const part of parts) {
    const other = merged.get(part.destination);
    const backOffUntil = Math.max(part.backOffUntil ?? 0, other?.backOffUntil ?? 0);
    merged.set(part.destination, {
      ...other,
      ...part,
      messages: part.messages + (other?.messages ?? 0),
      active: part.active + (other?.active ?? 0),
      deferred: part.deferred + (other?.deferred ?? 0),
      ...(backOffUntil > 0 ? { backOffUntil } : {}),
    });
  }
  return [...merged.values()]
    .sort((a, b) => b.messages - a.messages || (a.destination < b.destination ? -1 : 1))
    .slice(0, MOST_DESTINATIONS)
    .map(({ backOffUntil, ...rest }) => ({
      ...rest,
      ...(backOffUntil === undefined ? {} : { backOffUntil: new Date(backOffUntil).toISOString() }),
    }));
}
