/** One line per message that the inbox files or refuses, as long as a person could read them; a count for the rest. */
import type { Clock } from '../../mta/clock.ts';
import { printable } from '../commands/table.ts';
import type { InboxEvent } from '../inbox/session.ts';

const LINES = 10;
const WINDOW_MS = 1_000;

export interface InboxLines {
  tell(event: InboxEvent): void;
  close(): void;
}

export function inboxLines(clock: Clock, write: (line: string) => void): InboxLines {
  let shown = 0;
  let hidden = 0;
  let cancel: (() => void) | undefined;

  const endWindow = () => {
    cancel?.();
    cancel = undefined;
    if (hidden > 0) write(`  inbox: ${hidden} more`);
    shown = 0;
    hidden = 0;
  };
  return {
    tell({ from, to, file, reply }) {
      cancel ??= clock.after(WINDOW_MS, endWindow);
      if (shown >= LINES) {
        hidden++;
        return;
      }
      shown++;
      // Addresses come from the network: no control characters to the terminal.
      write(printable(`  inbox: ${to} from <${from}>: ${file ?? reply}`));
    },
    close: endWindow,
  };
}
