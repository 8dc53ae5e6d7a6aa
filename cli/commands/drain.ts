/**
 * `postrider drain`: starts to take a pod away, or looks how far that has come; waits for the proof; cancels; gives a member
 * up. Fails with exit code 1 for as long as there is no proof.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { DrainStatus } from '../../mta/control/drain-types.ts';
import { PostriderError } from '../../mta/errors.ts';
import { clientForState } from '../control/client.ts';
import { type Context, outputOption, stateOption } from './context.ts';
import { drainLines, progressLine } from './drain-lines.ts';

interface Options {
  readonly state: string;
  readonly output: string;
  readonly wait?: true;
  readonly cancel?: true;
  readonly giveUp?: string;
}

/** Between two looks, while waiting. */
const LOOK_MS = 1000;

export function drainCommand({ write, complain, fail, signals }: Context): Command {
  return new Command('drain')
    .summary('take this mta away: give its mail to others')
    .description(
      'Takes nothing new, and gives what is in the queue to the other members of the fleet; tells how far that has come, and in the end proves that nothing is left. Asking again goes on with what was begun.',
    )
    .option('--wait', 'wait for the proof, with a line whenever something has changed')
    .option('--cancel', 'serve again; what has moved stays where it is')
    .option(
      '--give-up <member>',
      'a member is gone for good, with its volume: what waits for its answer goes on',
    )
    .addOption(stateOption())
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action(async ({ state, output, ...options }: Options) => {
      if ([options.wait, options.cancel, options.giveUp].filter((given) => given !== undefined).length > 1) {
        throw new PostriderError('UsageError', '--wait, --cancel and --give-up are three different things', {
          hint: 'Name one of them',
        });
      }
      const client = clientForState(state);
      const show = (said: object, lines: readonly string[]) => {
        if (output === 'json') write(JSON.stringify(said, null, 2));
        else for (const line of lines) write(line);
      };
      if (options.giveUp !== undefined) {
        const given = await client.giveUp(options.giveUp);
        show(given, [`${given.member} is given up. ${given.price}`]);
        return;
      }
      if (options.cancel === true) {
        const status = await client.cancelDrain();
        show(status, [
          'The drain is cancelled: this mta serves again as soon as its workers have begun anew.',
        ]);
        return;
      }
      let status = await client.startDrain();
      if (options.wait === true) {
        const { stop } = signals();
        status = await wait(status, () => client.drain(), stop, complain);
        if (stop.aborted)
          complain('No longer waiting: the drain goes on. `postrider drain --cancel` ends it.');
      }
      show(status, drainLines(status));
      if (status.state !== 'drained') fail();
    });
}

/** Resolves with the last status: drained, cancelled by somebody, or as it was when `stop` came. */
async function wait(
  begun: DrainStatus,
  look: () => Promise<DrainStatus>,
  stop: AbortSignal,
  say: (line: string) => void,
): Promise<DrainStatus> {
  let status = begun;
  let said = '';
  while (status.state === 'draining' && !stop.aborted) {
    const line = progressLine(status);
    if (line !== said) say(line);
    said = line;
    await sleep(LOOK_MS, undefined, { signal: stop }).catch(() => undefined);
    if (!stop.aborted) status = await look();
  }
  return status;
}

const HELP = `
Exit codes: 0 with the proof (or what --cancel and --give-up were asked for is done), 1 without it, 2 wrong usage.

A process that is started again is not draining any more: ask again. docs/drain.md says what each state means, and
what to do when it doesn't come to an end.`;
