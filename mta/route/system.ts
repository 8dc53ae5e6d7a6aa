/** What routing takes from the machine: its resolvers, its host table, its addresses. Read once, when called. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { PostriderError } from '../errors.ts';
import type { Random } from '../random.ts';
import { type Hosts, parseHosts } from './hosts.ts';
import { createResolver, parseResolvConf, parseServer, type Resolver } from './resolver.ts';

/** Throws `ConfigInvalid` where a server of config is not an address with or without a port. */
export function systemResolver(config: MtaConfig['resolver'], clock: Clock, random: Random): Resolver {
  const configured = config.servers.map((text) => {
    const server = parseServer(text);
    if (server === undefined) {
      throw new PostriderError('ConfigInvalid', `resolver.servers: ${text} is not an address`, {
        hint: 'Write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353.',
      });
    }
    return server;
  });
  const servers = configured.length > 0 ? configured : parseResolvConf(readIfThere('/etc/resolv.conf'));
  return createResolver({
    ...{ servers, timeoutMs: config.timeoutSeconds * 1000, clock, random },
    validates: config.validates ?? false,
  });
}

export function systemHosts(): Hosts {
  return parseHosts(readIfThere('/etc/hosts'));
}

/** All addresses of this machine. */
export function systemInterfaces(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
