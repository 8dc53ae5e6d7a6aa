/** Waiting for a mail server that has just been started. */
import type { Running } from '../processes.ts';
import { SmtpClient } from '../smtp-client.ts';
import { waitFor } from '../wait.ts';

/** Rejects with its output where it has ended; one that doesn't greet in time is stopped. */
export async function untilGreeted(running: Running, ...ports: readonly number[]): Promise<void> {
  try {
    for (const port of ports) {
      await waitFor('a greeting', async () => {
        if (running.ended() !== undefined) return true;
        const { client, greeting } = await SmtpClient.connect(port, '127.0.0.1', 1000);
        client.close();
        return greeting.code === 220;
      });
    }
  } catch (error) {
    await running.kill9();
    throw new Error(`it did not greet:\n${running.output()}`, { cause: error });
  }
  if (running.ended() !== undefined) throw new Error(`it ended:\n${running.output()}`);
}
