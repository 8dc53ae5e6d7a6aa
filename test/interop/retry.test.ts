/** Mail for a Postfix that is down waits, also through a restart of ours, and is delivered once when it is back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { relay } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { runOk } from '../support/processes.ts';
import { queue } from '../support/queue.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'postfix', 'swaks'], 'a next hop that is down', () => {
  let sink: Sink;
  let postfix: Postfix;
  let mta: Mta;

  beforeAll(async () => {
    sink = await startSink();
    const port = await freePort();
    postfix = await startPostfix({
      folder: temporaryFolder('postfix'),
      port,
      mainCf: `relayhost = [127.0.0.1]:${sink.port}\n`,
    });
    await postfix.stop();
    mta = await startMta({ config: () => ({ relays: [relay('outbound', '127.0.0.1', port)] }) });
  });
  afterAll(async () => {
    await mta?.stop();
    await postfix?.stop();
    await sink?.close();
  });

  it('gets its mail when it is back', async () => {
    for (const to of ['first@far.test', 'second@far.test']) {
      await runOk(program('swaks'), [
        ...[
          '--server',
          '127.0.0.1',
          '--port',
          String(mta.ports.smtp),
          '--from',
          'anna@sender.test',
          '--to',
          to,
        ],
      ]);
    }
    // Behind a destination that is known to be down the second one may wait without an attempt of its own.
    const waiting = await waitFor('two recipients that wait', async () => {
      const summary = await queue(mta);
      const { active, deferred } = summary.recipients;
      return summary.messages === 2 && active === 0 && deferred > 0 && summary;
    });
    expect(waiting.destinations).toMatchObject([{ destination: 'relay:test/outbound', messages: 2 }]);
    expect(waiting.destinations[0]?.lastReply).toMatch(/^451 4\.4\.1 /);

    await mta.stop();
    await mta.restart();
    expect((await queue(mta)).messages).toBe(2);

    await postfix.restart();
    await waitFor('an empty queue', async () => (await queue(mta)).messages === 0, { timeoutMs: 60_000 });
    await waitFor('both messages behind Postfix', () => sink.messages.length >= 2);
    await waitFor('an empty queue of Postfix', async () => (await postfix.queue()).includes('is empty'));
    expect(sink.messages.flatMap(({ to }) => to).sort()).toEqual(['first@far.test', 'second@far.test']);
  });
});
