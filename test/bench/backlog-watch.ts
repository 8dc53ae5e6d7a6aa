/** Looks at the metrics of an mta again and again: how long at most each phase kept an event loop busy with one thing. */
import { type Mta, sumOfMetric } from '../support/mta.ts';

const EVERY_MS = 500;

export interface Watch {
  /** As `Mta.metric`, which would take the delay of an interval away. */
  metric(name: string): Promise<number | undefined>;
  /** The longest delay of a worker's event loop since this was last asked for, in ms. */
  worstMs(): Promise<number>;
  stop(): void;
}

export function watchEventLoop(mta: Mta): Watch {
  let worst = 0;
  const look = async (): Promise<string> => {
    const text = await (await mta.health('/metrics')).text();
    const seconds = sumOfMetric(text, 'postrider_process_event_loop_delay_seconds') ?? 0;
    worst = Math.max(worst, seconds * 1000);
    return text;
  };
  // It may be stopping, or starting, just now.
  const timer = setInterval(() => void look().catch(() => {}), EVERY_MS);
  return {
    metric: async (name) => sumOfMetric(await look(), name),
    async worstMs() {
      await look();
      const found = worst;
      worst = 0;
      return found;
    },
    stop: () => clearInterval(timer),
  };
}
