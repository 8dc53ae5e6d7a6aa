/** What a second worker costs: processor time of a message with one worker and with two. */
import type { BenchOptions } from './options.ts';
import { measure } from './relay.ts';
import { figure, median } from './table.ts';

/** CPU ms per message of `4k-kept`, with one worker and with two: medians of alternated rounds. */
export async function measureWorkers(options: BenchOptions): Promise<readonly [number, number]> {
  const taken: Record<1 | 2, number[]> = { 1: [], 2: [] };
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const workers of round % 2 === 1 ? ([1, 2] as const) : ([2, 1] as const)) {
      const { cpuMsPerMessage } = await measure('postrider', '4k-kept', { ...options, workers });
      console.error(`round ${round} ${workers} of 2 workers: ${figure(cpuMsPerMessage)} ms of CPU a message`);
      taken[workers].push(cpuMsPerMessage);
    }
  }
  return [median(taken[1]), median(taken[2])];
}
