/**
 * How soon the mail of a node that has ended is under way on another, with the default term of ten seconds: after a
 * SIGKILL within the term and five seconds, after a SIGTERM within one. POSTRIDER_TAKEOVERS sets how often each is done.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { relay, testConfig } from '../support/config.ts';
import { describeWith } from '../support/debian.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';
import { type Gluster, startGluster } from './gluster.ts';
import { ChaosNode } from './node.ts';

const TIMES = Number(process.env['POSTRIDER_TAKEOVERS'] ?? 2);
const TERM_SECONDS = 10;
const NODES = 3;
const MESSAGES = 20;

describeWith(['glusterfs', 'unshare', 'mkfs.ext4', 'root'], 'mail of a node that has ended', () => {
  let gluster: Gluster;
  let sink: Sink;
  const nodes: ChaosNode[] = [];
  const arrivals: { readonly node: string; readonly to: string; readonly at: number }[] = [];
  const asked = new Set<string>();
  let open = false;

  beforeAll(async () => {
    gluster = await startGluster({ mounts: NODES, sizeMiB: 512, pingSeconds: 42 });
    sink = await startSink({
      rcpt(address) {
        asked.add(address);
        return open ? undefined : '451 4.3.0 not yet';
      },
      onMessage({ helo, to }) {
        arrivals.push({ node: helo, to: to[0]!, at: performance.now() });
      },
    });
    for (let number = 0; number < NODES; number += 1) {
      const node = await ChaosNode.create(`node${number}.test`, (folder, ports) => ({
        relays: [relay('sink', '127.0.0.1', sink.port)],
        queue: {
          ...testConfig(folder, ports).queue,
          mode: 'Shared',
          path: `${gluster.mountOf(number)}/queue`,
          leaseTermSeconds: TERM_SECONDS,
        },
      }));
      nodes.push(node);
      node.up();
    }
  }, 120_000);

  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.end()));
    await sink.close();
    await gluster.stop();
  }, 120_000);

  async function fill(node: ChaosNode, round: string): Promise<string[]> {
    const { client } = await SmtpClient.connect(node.ports.smtp);
    await client.command('EHLO load.test');
    const all = Array.from({ length: MESSAGES }, (_, i) => `${round}-${i}@later.test`);
    for (const to of all) {
      const reply = await client.send({ from: 'a@load.test', to: [to], content: 'Subject: x\r\n\r\nx\r\n' });
      expect(reply.code).toBe(250);
    }
    client.close();
    await waitFor('the first attempts', () => all.every((to) => asked.has(to)));
    return all;
  }

  /** Ms from the end of a node to the first of its mail by another; then all of it has arrived, each once. */
  async function measure(victim: ChaosNode, round: string, end: () => Promise<void>): Promise<number> {
    await Promise.all(nodes.map((node) => node.ready()));
    open = false;
    const all = await fill(victim, round);
    const at = performance.now();
    const ended = end();
    open = true;
    const mine = () => arrivals.filter(({ to }) => all.includes(to));
    const first = await waitFor(
      'its mail by a survivor',
      () => mine().find(({ node }) => node !== victim.name),
      { timeoutMs: 60_000, everyMs: 5 },
    );
    await waitFor('the rest', () => new Set(mine().map(({ to }) => to)).size === MESSAGES);
    await ended;
    expect(mine()).toHaveLength(MESSAGES);
    victim.up();
    return Math.round(first.at - at);
  }

  it(`is under way on a survivor within a term and 5 s of a SIGKILL, ${TIMES} times`, async () => {
    const took: number[] = [];
    for (let i = 0; i < TIMES; i += 1) {
      const victim = nodes[i % NODES]!;
      took.push(await measure(victim, `kill${i}`, () => victim.end()));
    }
    console.log(`SIGKILL to the first delivery by a survivor: ${took.join(', ')} ms`);
    expect(Math.max(...took)).toBeLessThan(TERM_SECONDS * 1000 + 5000);
  });

  it(`is under way on a survivor within 1 s of a SIGTERM, ${TIMES} times`, async () => {
    const took: number[] = [];
    for (let i = 0; i < TIMES; i += 1) {
      const victim = nodes[i % NODES]!;
      took.push(await measure(victim, `stop${i}`, () => victim.stop()));
    }
    console.log(`SIGTERM to the first delivery by a survivor: ${took.join(', ')} ms`);
    expect(Math.max(...took)).toBeLessThan(1000);
  });
});
