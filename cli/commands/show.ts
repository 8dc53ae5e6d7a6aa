/** `postrider show ID` */
import { Command } from 'commander';
import type { MessageSummary } from '../../mta/control/types.ts';
import { clientForState } from '../control/client.ts';
import { type Context, outputOption, stateOption } from './context.ts';
import { countText, printable, sizeText } from './table.ts';

export function showCommand({ write, writeRaw }: Context): Command {
  return new Command('show')
    .summary('one message in the queue')
    .description('Prints what is known of a message that waits: its envelope, and how each recipient stands.')
    .argument('<id>', 'queue id, as `postrider list` and the mail log have it')
    .option('--content', 'print the message itself instead, byte for byte, up to 10 MiB')
    .addOption(stateOption())
    .addOption(outputOption())
    .action(async (id: string, options: { state: string; output: string; content?: true }) => {
      const client = clientForState(options.state);
      if (options.content) {
        writeRaw(await client.content(id));
        return;
      }
      const message = await client.message(id);
      if (options.output === 'json') write(JSON.stringify(message, null, 2));
      else for (const line of detailLines(message)) write(line);
    });
}

export function detailLines({ id, from, size, arrivedAt, user, recipients }: MessageSummary): string[] {
  const lines = [
    `id       ${id}`,
    `from     <${from}>`,
    `size     ${sizeText(size)}`,
    `arrived  ${arrivedAt}`,
    ...(user === undefined ? [] : [`user     ${user}`]),
    ...recipients.flatMap(({ address, state, destination, attempts, nextAttemptAt, lastReply }) => [
      `to       <${address}>`,
      `         ${state}, ${countText(attempts, 'attempt')}, by ${destination}`,
      ...(nextAttemptAt === undefined ? [] : [`         next attempt ${nextAttemptAt}`]),
      ...(lastReply === undefined ? [] : [`         last reply: ${lastReply}`]),
    ]),
  ];
  return lines.map(printable);
}
