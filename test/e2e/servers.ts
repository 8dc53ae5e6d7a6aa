/**
 * Where mail comes out: an LMTP server and an SMTP server outside of the cluster, which pods know as Services. They enter what
 * arrives in the books that it belongs to: what comes late is no business of the scenario after it.
 */
import { Account } from '../chaos/account.ts';
import { type Delivered, type Sink, startSink } from '../support/sink.ts';
import type { Cluster } from './cluster/cluster.ts';
import { serveOutside } from './cluster/outside.ts';

export interface Books {
  /** What the ids of its messages begin with. */
  readonly series: string;
  readonly account: Account;
}

export interface Servers {
  /** New books. */
  open(): Books;
  /** Whether they take mail: else every recipient is answered 451. */
  answering: boolean;
  close(): Promise<void>;
}

export async function startServers(cluster: Cluster, namespace: string): Promise<Servers> {
  const { client, places } = cluster;
  const sinks: Sink[] = [];
  const books: Books[] = [];
  const servers = {
    answering: true,
    open() {
      const opened = { series: `${books.length}.`, account: new Account() };
      books.push(opened);
      return opened;
    },
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
  const behaviour = {
    host: places.gateway,
    onMessage({ content, to }: Delivered) {
      const id = /^X-Chaos: (\S+)/m.exec(content)?.[1] ?? '';
      books.find(({ series }) => id.startsWith(series))?.account.arrive(content, to);
    },
    rcpt: () => (servers.answering ? undefined : '451 4.3.0 not just now'),
  };
  for (const [name, port, lmtp] of [
    ['inbox', 24, true],
    ['smart-host', 25, false],
  ] as const) {
    const sink = await startSink({ ...behaviour, lmtp });
    sinks.push(sink);
    await serveOutside(client, {
      ...{ namespace, name, address: places.gateway },
      ports: [{ port, targetPort: sink.port, protocol: 'TCP' }],
    });
  }
  return servers;
}
