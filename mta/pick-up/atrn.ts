/**
 * ATRN (RFC 2645): who has authenticated gets what waits for their domains over their own connection, turned round. Each
 * worker of the fleet that has some of it borrows the connection in its turn; then we say QUIT.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { Dialogue } from '../deliver/dialogue.ts';
import { handshake } from '../deliver/handshake.ts';
import { SmtpError, smtpError } from '../errors.ts';
import { isDomain } from '../listen/path.ts';
import type { Client, PickUp } from '../listen/types.ts';
import { BorrowedSocket } from './borrowed-socket.ts';
import { type HeldDomain, type HeldDomains, namedBy } from './hold.ts';
import type { Loans } from './loans.ts';
import type { LineState, Loan } from './messages.ts';
import { type Owner, ownerHop } from './owner.ts';

/** The places that mail may wait in: this pod and its peers. */
export interface Places {
  /** Name of this pod. */
  readonly self: string;
  /** All that live, this one first. */
  all(): Promise<readonly string[]>;
  waits(place: string, destinations: readonly string[]): Promise<boolean>;
  /** Resolves when the place has been told; it gives the loan back when it has nothing more. */
  lend(place: string, loan: Loan): Promise<void>;
}

export interface AtrnDeps {
  readonly held: () => HeldDomains;
  readonly places: Places;
  readonly loans: Loans;
  readonly delivery: () => MtaConfig['delivery'];
  /** Our name, for EHLO. */
  readonly hostname: () => string;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly onDefect: (error: unknown) => void;
}

export function createAtrn(deps: AtrnDeps): Pick<PickUp, 'atrn'> {
  const { held, places, onDefect, log } = deps;
  return {
    async atrn(client, domains) {
      if (client.user === undefined) throw smtpError('authRequired');
      const allowed = domainsOf(client, domains, held());
      const destinations = allowed.map(({ key }) => key);
      if (!(await waitsAnywhere(destinations, places, onDefect))) throw smtpError('noMailWaiting');
      const { user, helo, address = 'unknown', port = 0 } = client;
      const owner = { host: helo ?? address, address, port };
      return (socket) => {
        log.info({ user, address, destinations }, 'mail is fetched');
        turn(socket, owner, destinations, deps).then(
          () => log.info({ user, address }, 'mail was fetched'),
          (error: unknown) => {
            socket.destroy();
            if (error instanceof SmtpError)
              log.warn({ user, address, reason: error.message }, 'mail could not be fetched');
            else onDefect(error);
          },
        );
      };
    },
  };
}

/** RFC 2645 §5.2.1: all that are the user's, or those that are named, of which each must be. */
function domainsOf({ user }: Client, domains: readonly string[], held: HeldDomains): HeldDomain[] {
  if (domains.length === 0) {
    const own = [...held.values()].filter((domain) => domain.mayFetch(user));
    if (own.length === 0) throw smtpError('atrnRefused', { detail: 'no domain is yours to fetch' });
    return own;
  }
  const named = domains.map((name) => {
    if (!isDomain(name) || name.startsWith('['))
      throw smtpError('badArguments', { detail: 'ATRN domain,domain' });
    const [domain] = namedBy(name, held);
    // Who may not fetch it isn't told whether it is held here.
    if (domain === undefined || !domain.mayFetch(user)) throw smtpError('atrnRefused', { detail: name });
    return domain;
  });
  return [...new Set(named)];
}

/** A place that doesn't answer has nothing for now. */
async function waitsAnywhere(
  destinations: readonly string[],
  places: Places,
  onDefect: (error: unknown) => void,
): Promise<boolean> {
  const all = await places.all();
  const answers = await Promise.allSettled(all.map((place) => places.waits(place, destinations)));
  if (answers.some((answer) => answer.status === 'fulfilled' && answer.value)) return true;
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed === undefined) return false;
  onDefect(failed.reason);
  throw smtpError('atrnUnable', { cause: failed.reason });
}

/** RFC 2645 §5.3. Rejects where the owner's server can't be spoken with. */
async function turn(
  raw: Duplex,
  owner: Owner,
  destinations: readonly string[],
  deps: AtrnDeps,
): Promise<void> {
  const { clock, delivery, hostname, places, loans } = deps;
  const { timeouts } = delivery();
  const { socket, extensions, tls } = await handshake(raw as Socket, {
    ...{ hop: ownerHop(owner), hostname: hostname(), timeouts, clock },
    demand: { asks: 'clearText' },
  });
  let state: LineState = { alive: true, needsReset: false };
  for (const place of await places.all()) {
    const { name, over } = loans.lend(socket);
    const loan: Loan = {
      ...{ name, member: places.self, destinations: [...destinations], ...state, ...owner },
      extensions: [...extensions],
      ...(tls !== undefined && { tls }),
    };
    await places.lend(place, loan).catch((error: unknown) => {
      // Its mail waits for the next time.
      deps.log.warn({ err: error, member: place }, 'a member could not be asked for mail that is fetched');
      loans.giveBack(name, state);
    });
    state = await over;
    if (!state.alive) throw smtpError('connectionLost', { detail: 'while mail was fetched' });
  }
  const { name } = loans.lend(socket);
  const dialogue = new Dialogue(new BorrowedSocket(loans.lent(name)), clock, owner.host);
  dialogue.quit();
  await dialogue.closed;
  loans.giveBack(name, { alive: false, needsReset: false });
}
