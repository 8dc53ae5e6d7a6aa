import { expect, it } from 'vitest';
import { describeWith } from '../support/debian.ts';
import { waitFor } from '../support/wait.ts';
import { certificateOf, split, startTlsSink, startTlsSource } from './tls-load.ts';

const [SESSIONS, MESSAGES, BYTES] = [4, 40, 4096];

/** What source and sink have counted, after a warm-up that brings each session its first ticket. */
async function run(resumed: boolean, key: 'ecdsa' | 'rsa' = 'ecdsa') {
  const certificate = await certificateOf(key);
  const sink = await startTlsSink(certificate);
  try {
    const { port } = sink;
    const source = await startTlsSource({ port, sessions: SESSIONS, bytes: BYTES, certificate, resumed });
    try {
      await source.send(2 * SESSIONS);
      const sent = await source.send(MESSAGES);
      const waits = await source.latencies(SESSIONS);
      const total = 3 * SESSIONS + MESSAGES;
      await sink.reached(total, 10_000);
      await waitFor('the last handshake to be told', () => sink.handshakes().all >= total);
      return { total, sent, waits, count: sink.count(), handshakes: sink.handshakes() };
    } finally {
      await source.stop();
    }
  } finally {
    await sink.stop();
  }
}

describeWith(['openssl'], 'source and sink with TLS', () => {
  it.each(['ecdsa', 'rsa'] as const)('make a full handshake for each message, with %s', async (key) => {
    const { total, sent, waits, count, handshakes } = await run(false, key);
    expect({ count, handshakes }).toEqual({ count: total, handshakes: { all: total, resumed: 0 } });
    expect(sent.resumed).toBe(0);
    expect(sent.seconds).toBeGreaterThan(0);
    expect(waits).toHaveLength(SESSIONS);
  });

  it('resume the session of the connection before, and agree on it', async () => {
    const { sent, handshakes } = await run(true);
    expect(sent.resumed).toBe(MESSAGES);
    expect(handshakes.resumed).toBeGreaterThanOrEqual(MESSAGES + SESSIONS);
  });

  it('a message that is refused is an error', async () => {
    const [certificate, other] = [await certificateOf('ecdsa'), await certificateOf('rsa')];
    const sink = await startTlsSink(other);
    const { port } = sink;
    const source = await startTlsSource({ port, sessions: 1, bytes: BYTES, certificate, resumed: false });
    try {
      await expect(source.send(1)).rejects.toThrow('tls-source.main.ts ended with 1');
      expect(sink.count()).toBe(0);
    } finally {
      await source.stop();
      await sink.stop();
    }
  });

  it('work is split without loss', () => {
    expect(split(7, 2)).toEqual([4, 3]);
    expect(split(1, 2)).toEqual([1, 0]);
  });
});
