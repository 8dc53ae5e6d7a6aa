/**
 * SIGKILL at random moments under load, of the whole mta or of one worker, over and over on one queue: every message
 * that was answered 250 arrives, whole, at least once. POSTRIDER_KILLS sets the number of kills.
 */
import { describe, expect, it } from 'vitest';
import { lmtpDomain, relay, testConfig } from '../support/config.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { tree } from '../support/processes.ts';
import { startSink } from '../support/sink.ts';
import { sleep, waitFor } from '../support/wait.ts';
import { Account } from './account.ts';
import { startLoad } from './load.ts';

const KILLS = Number(process.env['POSTRIDER_KILLS'] ?? 200);
const WORKERS = 2;
/** Every so many kills one worker alone is killed, and the supervisor has to bring it back. */
const WORKER_EVERY = 5;
const SESSIONS = 6;

describe('SIGKILL under load', () => {
  it(`loses nothing that was answered 250 in ${KILLS} kills`, async () => {
    const account = new Account();
    const arrive = (message: { content: string; to: readonly string[] }) =>
      account.arrive(message.content, message.to);
    // One recipient in twenty is put off now and then, so that attempts and deferrals are recorded too.
    let asked = 0;
    const rcpt = () => {
      asked += 1;
      return asked % 20 === 0 ? '451 4.3.0 not just now' : undefined;
    };
    const relayed = await startSink({ onMessage: arrive, rcpt });
    const local = await startSink({ onMessage: arrive, rcpt, lmtp: true });
    const mta = await startMta({
      config: (folder, ports) => ({
        workers: WORKERS,
        domains: [lmtpDomain('local.test', local.port)],
        relays: [relay('sink', '127.0.0.1', relayed.port)],
        queue: {
          ...testConfig(folder, ports).queue,
          inlineBodyBytes: 16 * 1024,
          segmentBytes: 1024 * 1024,
        },
      }),
    });
    let kills = 0;
    const load = startLoad({
      ports: [mta.ports.smtp],
      sessions: SESSIONS,
      account,
      kills: () => kills,
    });
    try {
      for (; kills < KILLS; kills += 1) {
        await sleep(20 + Math.random() * 500);
        if (kills % WORKER_EVERY === WORKER_EVERY - 1) await killOneWorker(mta);
        else {
          await mta.kill9();
          await mta.restart();
        }
      }
      await load.stop();
      await waitFor('everything to arrive', () => account.missing === 0, { timeoutMs: 120_000 }).catch(
        () => undefined,
      );
      const totals = account.totals();
      console.log(
        `${kills} kills: ${totals.acknowledged} recipients answered 250, ${totals.missing.length} missing, ` +
          `${totals.duplicates} duplicates, ${totals.unanswered} arrived without an answer, ` +
          `refused: ${JSON.stringify([...load.refused])}`,
      );
      expect(totals.missing).toEqual([]);
      expect(totals.damaged).toEqual([]);
      expect(totals.acknowledged).toBeGreaterThan(KILLS * 10);
      await mta.stop();
      expect(mta.running.ended()).toBe(0);
    } finally {
      await load.stop();
      await mta.kill9();
      await relayed.close();
      await local.close();
    }
  });
});

/** Kills a random worker and waits until its successor is there and the mta is ready again. */
async function killOneWorker(mta: Mta): Promise<void> {
  const workers = () => tree(mta.running.pid).filter(({ parent }) => parent === mta.running.pid);
  const before = workers();
  const victim = before[Math.floor(Math.random() * before.length)];
  if (victim === undefined) throw new Error('the mta has no worker to kill');
  process.kill(victim.pid, 'SIGKILL');
  await waitFor('the worker to be back', async () => {
    const now = workers();
    if (now.length < WORKERS || now.some(({ pid }) => pid === victim.pid)) return false;
    return (await mta.health('/readyz')).ok;
  });
}
