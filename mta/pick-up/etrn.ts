/**
 * ETRN (RFC 1985): has the mail that a domain holds sent to where config says, by all workers of all pods, as each of them
 * has some of it.
 */
import type { Clock } from '../clock.ts';
import { PostriderError, smtpError } from '../errors.ts';
import { isDomain } from '../listen/path.ts';
import type { PickUp } from '../listen/types.ts';
import type { DestinationKey } from '../route/types.ts';
import { within } from '../within.ts';
import { type HeldDomains, namedBy } from './hold.ts';

export interface EtrnDeps {
  readonly held: () => HeldDomains;
  /** Has it tried now, everywhere; resolves with how many messages wait, once that is on stable storage. */
  readonly release: (destinations: readonly DestinationKey[]) => Promise<number>;
  readonly clock: Clock;
  readonly onDefect: (error: unknown) => void;
}

/** RFC 1985 §5.1 wants the reply at once; a count is worth a moment. */
const COUNT_MS = 2000;

export function createEtrn(deps: EtrnDeps): Pick<PickUp, 'offersEtrn' | 'etrn'> {
  const { held, release, clock, onDefect } = deps;
  return {
    offersEtrn: (client) => [...held().values()].some((domain) => domain.mayStart(client)),

    async etrn(client, node) {
      // RFC 1985 §5.3: queues have no names here.
      if (node.startsWith('#')) throw smtpError('etrnUnable', { detail: node });
      if (!isDomain(node.replace(/^@/, ''))) throw smtpError('badArguments', { detail: 'ETRN domain' });
      const allowed = namedBy(node, held()).filter((domain) => domain.mayStart(client));
      // Who may not ask isn't told what is held here.
      if (allowed.length === 0) throw smtpError('etrnNotAllowed', { detail: node });
      let count = 0;
      const released = release(allowed.map(({ key }) => key)).then((waiting) => {
        count = waiting;
      });
      const isCounted = await within(clock, COUNT_MS, released).catch((error: unknown) => {
        if (!(error instanceof PostriderError)) onDefect(error);
        throw smtpError('etrnUnable', { detail: node, cause: error });
      });
      // It goes on; what fails of it waits for the next ETRN.
      if (!isCounted) released.catch(onDefect);
      if (!isCounted) return [250, `OK, queuing for node ${node} started`];
      if (count === 0) return [251, `OK, no messages waiting for node ${node}`];
      return [253, `OK, ${count} pending messages for node ${node} started`];
    },
  };
}
