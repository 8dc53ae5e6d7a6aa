/**
 * A stub resolver that tells apart what mail routing must tell apart: records, no such record, no such domain, and
 * not knowing. Names are absolute: there are no search domains. It never rejects: what went wrong is `failed`.
 */
import { isIP } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import { type Alias, type DnsResult, type LookupType, readAnswer } from './dns-answer.ts';
import { DnsCache } from './dns-cache.ts';
import { type DnsServer, exchange } from './dns-exchange.ts';

export interface Resolver {
  /** Whether its servers are trusted to check DNSSEC, and are reached safely; otherwise no answer is `authenticated`. */
  readonly validates: boolean;
  lookup<T extends LookupType>(name: string, type: T): Promise<DnsResult<T>>;
}

export interface ResolverOptions {
  /** In order of preference; at least one. */
  readonly servers: readonly DnsServer[];
  /** Their AD bit is believed (RFC 4035 §4.9.3); false where absent. */
  readonly validates?: boolean;
  /** For one try of one server, over UDP and TCP each; there are two rounds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Answers kept. */
  readonly cacheSize?: number;
}

const ROUNDS = 2;
const LONGEST_ALIAS_CHAIN = 8;
const DEFAULT_CACHE = 20_000;
const DNS_PORT = 53;

export function createResolver(options: ResolverOptions): Resolver {
  const validates = options.validates ?? false;
  const cache = new DnsCache(options.clock, options.cacheSize ?? DEFAULT_CACHE);
  // The server that answered last is asked first, so that a dead one costs its timeout once.
  let first = 0;
  const plainServers = new Set<DnsServer>();

  async function tryServer<T extends LookupType>(server: DnsServer, name: string, type: T) {
    const edns = !plainServers.has(server);
    const question = { name, type };
    const { clock, random, timeoutMs } = options;
    const response = await exchange(server, question, { clock, random, timeoutMs, edns });
    // RFC 6891 §7: a server that doesn't know EDNS says FORMERR or NOTIMP.
    if (edns && (response.rcode === 'FORMERR' || response.rcode === 'NOTIMP')) {
      plainServers.add(server);
      return readAnswer(
        await exchange(server, question, { clock, random, timeoutMs, edns: false }),
        question,
      );
    }
    return readAnswer(response, question);
  }

  async function ask<T extends LookupType>(name: string, type: T): Promise<DnsResult<T> | Alias> {
    const { servers } = options;
    const start = first;
    let reason = 'no servers';
    for (let attempt = 0; attempt < servers.length * ROUNDS; attempt++) {
      const index = (start + attempt) % servers.length;
      try {
        const answer = await tryServer(servers[index]!, name, type);
        if (answer.status !== 'failed') {
          first = index;
          return answer;
        }
        reason = `${servers[index]!.address} answered ${answer.reason}`;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    return { status: 'failed', reason };
  }

  async function follow<T extends LookupType>(name: string, type: T): Promise<DnsResult<T>> {
    let target = name;
    let ttl = Number.POSITIVE_INFINITY;
    let authenticated = validates;
    for (let aliases = 0; aliases <= LONGEST_ALIAS_CHAIN; aliases++) {
      const answer = await ask(target, type);
      if (answer.status === 'failed') {
        return answer;
      }
      ttl = Math.min(ttl, answer.ttl);
      authenticated &&= answer.authenticated;
      if (answer.status !== 'alias') {
        return { ...answer, ttl, authenticated };
      }
      if (!isDomainName(answer.target)) {
        return { status: 'failed', reason: `${name} is an alias of what is no name` };
      }
      target = answer.target;
    }
    return { status: 'failed', reason: `${name} is an alias of an alias, too many times` };
  }

  return {
    validates,
    async lookup(name, type) {
      if (!isDomainName(name)) {
        return { status: 'noDomain', ttl: 0, authenticated: false, name };
      }
      return cache.get(`${type} ${name.toLowerCase()}`, () => follow(name, type));
    },
  };
}

/** RFC 1035 §2.3.4: labels of 1 to 63 octets, 253 in all without the root. What isn't a name can't exist. */
function isDomainName(name: string): boolean {
  return (
    name.length <= 253 && name.split('.').every((label) => /^[\x21-\x7e]+$/.test(label) && label.length <= 63)
  );
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`; undefined for anything else. */
export function parseServer(text: string): DnsServer | undefined {
  if (isIP(text) !== 0) {
    return { address: text, port: DNS_PORT };
  }
  const match = /^\[?([0-9a-f:.]+)\]?:(\d{1,5})$/i.exec(text);
  const [address, port] = [match?.[1] ?? '', Number(match?.[2])];
  return isIP(address) !== 0 && port > 0 && port < 65_536 ? { address, port } : undefined;
}

/** Nameservers of a `resolv.conf`; everything else in it is for names that aren't absolute. */
export function parseResolvConf(text: string): DnsServer[] {
  const servers = [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].flatMap(([, address]) => {
    const server = parseServer(address!);
    return server ?? [];
  });
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: DNS_PORT }];
}
