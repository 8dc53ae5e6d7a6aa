/** The MTA-STS policies of a worker: DNS and HTTPS as its config says, files beside the queue, and a word in the log where fetches fail. */
import type { Clock } from '../../clock.ts';
import type { Disk } from '../../queue/disk.ts';
import type { Random } from '../../random.ts';
import { lookupAddresses } from '../addresses.ts';
import type { HopContext } from '../hops.ts';
import { fetchPolicy } from './fetch.ts';
import { type FetchEvent, KeptPolicies } from './policies.ts';
import { StsStore } from './store.ts';

export interface OpenPoliciesOptions {
  /** Of the queue: policies lie beside it, on its volume. */
  readonly queuePath: string;
  /** Asked anew each time: a new config holds for what is looked up after it. */
  readonly context: () => Pick<HopContext, 'resolver' | 'random' | 'families' | 'egress'>;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  readonly onFetch: (event: FetchEvent) => void;
  /** Of Policy Hosts: 443 where absent. */
  readonly port?: number;
}

/** In the same folder for all that see the same queue. */
export const policiesPath = (queuePath: string): string => `${queuePath}.mta-sts`;

export function openPolicies(options: OpenPoliciesOptions): KeptPolicies {
  const { clock, disk, log, port } = options;
  const store = new StsStore({
    ...{ path: policiesPath(options.queuePath), disk, clock, random: options.random },
    onError: (error) =>
      log.warn({ err: error }, 'MTA-STS policies on the volume could not be read or written'),
  });
  return new KeptPolicies({
    ...{ store, clock, random: options.random },
    async texts(name) {
      const answer = await options.context().resolver.lookup(name, 'TXT');
      return answer.status === 'found' ? answer.records : [];
    },
    fetch(domain) {
      const { egress, resolver, random, families } = options.context();
      return fetchPolicy(domain, {
        // Its name comes from outside, so the host table is not asked for it.
        addresses: (host) => lookupAddresses(host, { resolver, random, families }),
        ...{ egress, clock, ...(port !== undefined && { port }) },
      });
    },
    onFetch(event) {
      options.onFetch(event);
      tell(event, log);
    },
  });
}

/** RFC 8461 §3.3: who may have to act is told, unless the policy that counts asks for nothing. */
function tell({ domain, result, why, cached }: FetchEvent, log: OpenPoliciesOptions['log']): void {
  if (result === 'ok') return;
  const fields = { domain, fault: result, why };
  if (cached === undefined) {
    log.info(fields, 'MTA-STS policy could not be fetched: mail goes as if the domain had none');
  } else if (cached !== 'none') {
    log.warn({ ...fields, mode: cached }, 'MTA-STS policy could not be fetched: the one before still counts');
  }
}
