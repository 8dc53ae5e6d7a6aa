/**
 * Volfiles of a GlusterFS volume with one brick, as `gluster volume create` of GlusterFS 10 writes them: every
 * translator that a client has by default, and those of the brick that are not switched off there. Pure.
 */

export interface BrickOptions {
  readonly folder: string;
  readonly port: number;
  /** Loopback where it isn't given: else it listens there, and is for everybody who can reach that. */
  readonly address?: string;
}

export interface ClientOptions {
  readonly port: number;
  /** Of the brick; loopback where it isn't given. */
  readonly address?: string;
  /** Name of the volume on the brick's side. */
  readonly remote: string;
  /** After so long without an answer the brick counts as gone (`network.ping-timeout`, 42 where nobody sets it). */
  readonly pingSeconds: number;
  /** `performance.*` translators that are left out. */
  readonly without?: readonly string[];
}

interface Translator {
  readonly name: string;
  readonly type: string;
  readonly options?: Readonly<Record<string, string | number>>;
}

/** Each translator stands on the one before it. */
function stack(translators: readonly Translator[]): string {
  return translators
    .map(({ name, type, options = {} }, at) => {
      const below = translators[at - 1];
      return [
        `volume ${name}`,
        `    type ${type}`,
        ...Object.entries(options).map(([key, value]) => `    option ${key} ${value}`),
        ...(below === undefined ? [] : [`    subvolumes ${below.name}`]),
        'end-volume',
        '',
      ].join('\n');
    })
    .join('\n');
}

const SOCKET = {
  'transport-type': 'tcp',
  'transport.address-family': 'inet',
  'transport.socket.keepalive-time': 20,
  'transport.socket.keepalive-interval': 2,
  'transport.socket.keepalive-count': 9,
};

export const brickName = 'brick';

export function brickVolfile({ folder, port, address }: BrickOptions): string {
  return stack([
    { name: 'posix', type: 'storage/posix', options: { directory: folder } },
    { name: 'access-control', type: 'features/access-control' },
    { name: 'locks', type: 'features/locks' },
    { name: 'leases', type: 'features/leases', options: { leases: 'off' } },
    { name: 'upcall', type: 'features/upcall', options: { 'cache-invalidation': 'off' } },
    { name: 'io-threads', type: 'performance/io-threads' },
    { name: brickName, type: 'debug/io-stats' },
    {
      name: 'server',
      type: 'protocol/server',
      options: {
        ...SOCKET,
        'transport.socket.listen-port': port,
        'transport.socket.bind-address': address ?? '127.0.0.1',
        [`auth.addr.${brickName}.allow`]: address === undefined ? '127.0.0.1' : '*',
      },
    },
  ]);
}

const PERFORMANCE = ['write-behind', 'open-behind', 'quick-read', 'md-cache', 'io-threads'];

export function clientVolfile({
  port,
  address = '127.0.0.1',
  remote,
  pingSeconds,
  without = [],
}: ClientOptions): string {
  return stack([
    {
      name: 'client',
      type: 'protocol/client',
      options: {
        ...SOCKET,
        'remote-host': address,
        'remote-port': port,
        'remote-subvolume': remote,
        'ping-timeout': pingSeconds,
        'send-gids': 'true',
        'strict-locks': 'off',
      },
    },
    { name: 'dht', type: 'cluster/distribute' },
    { name: 'utime', type: 'features/utime', options: { noatime: 'on' } },
    ...PERFORMANCE.filter((name) => !without.includes(name)).map((name) => ({
      name,
      type: `performance/${name}`,
    })),
    { name: 'statistics', type: 'debug/io-stats' },
  ]);
}
