/** What the workers of a pod are there for. */
import type { MtaConfig } from '../config.ts';

/**
 * To serve; to give away what they hold, taking nothing new; or nothing, as there is nothing left: then there are no
 * workers.
 */
export type Duty = 'serve' | 'leave' | 'rest';

/** Why a pod isn't ready by its duty alone. */
export const notReadyBy: Readonly<Record<Duty, readonly string[]>> = {
  serve: [],
  leave: ['draining: this pod gives its mail away and takes none (GET /v1/drain)'],
  rest: ['drained: nothing is left here, this pod may go (GET /v1/drain)'],
};

/** A worker that is there to leave never listens: not even for the moment until it is told. */
export const configFor = (duty: Duty, config: MtaConfig): MtaConfig =>
  duty === 'serve' ? config : closed(config);

/** Without the ports at which it is reached. */
const closed = ({ web: _, ...config }: MtaConfig): MtaConfig => ({ ...config, listeners: [] });
