/** What every command gets from `main.ts`: the world as parameters, and the options that several share. */
import { Option } from 'commander';
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { DEFAULT_STATE } from '../local/state.ts';

export interface Context {
  /** How the reader calls this program: `postrider`, or by npm in a clone. */
  readonly self: string;
  /** Lines for people and pipes. */
  readonly write: (line: string) => void;
  /** Bytes as they are. */
  readonly writeRaw: (bytes: Buffer) => void;
  /** What goes wrong without being the end. */
  readonly complain: (line: string) => void;
  /** Exit code 1 once the command has ended: problems were found. */
  readonly fail: () => void;
  /** From now on, SIGINT, SIGTERM and SIGHUP abort `stop`, and a second one `kill`, instead of ending the process. */
  readonly signals: () => { readonly stop: AbortSignal; readonly kill: AbortSignal };
  readonly clock: Clock;
  readonly random: Random;
}

export const stateOption = () =>
  new Option('--state <dir>', 'folder of queue, inbox, tokens and passwords').default(DEFAULT_STATE);

export const outputOption = () =>
  new Option('-o, --output <format>', 'for people or for programs').choices(['text', 'json']).default('text');

export const mtaOption = () =>
  new Option('--mta <name>', 'the MTA, as NAME or NAMESPACE/NAME, where the folder has several');

/** For options that may be repeated. */
export const gather = (value: string, before: readonly string[] = []) => [...before, value];
