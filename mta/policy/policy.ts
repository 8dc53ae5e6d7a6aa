/**
 * What a client may do, decided from config alone: who is who, who may send as whom, and to whom. Denies by default:
 * mail is taken for our own domains, and beyond them only from users, and from networks and certificates that a listener names.
 * Answers with nothing, or throws the `SmtpError` that the client gets.
 */
import type { Domain, Listener, MtaConfig } from '../config.ts';
import { domainOf, localPartOf, type Recipient } from '../envelope.ts';
import { PostriderError, type SmtpError, smtpError } from '../errors.ts';
import type { Client, Mail } from '../listen/types.ts';
import { contains, networkList } from '../route/egress.ts';
import { matchesAny, normalizeDomain } from '../route/patterns.ts';
import { type PhcHash, parsePhc } from './phc.ts';
import { comparable, compileRecipients, type RecipientCheck } from './recipients.ts';
import type { Verifier } from './verifier.ts';

export interface Policy {
  /** Resolves with the user's name; rejects with 535, or 454 when too many log in at once. */
  authenticate(username: string, password: string): Promise<string>;
  /** MAIL. */
  checkSender(client: Client, mail: Mail): void;
  /** RCPT. */
  checkRecipient(client: Client, mail: Mail, recipient: Recipient, accepted: readonly Recipient[]): void;
  /** RFC 6710 §4.1: a priority above 0 is for those alone who may relay here, and a listener may allow them some. */
  highestPriority(client: Client): number;
  /** The largest message that this user may send to each of these, and that the domain of each takes; Infinity is any. */
  messageLimits(client: Client, recipients: readonly Recipient[]): number[];
  /** The domain of ours that an address belongs to; postmaster without a domain belongs to none. */
  domainFor(address: string): Domain | undefined;
}

interface OwnDomain {
  readonly domain: Domain;
  readonly has: RecipientCheck;
}

interface KnownUser {
  readonly verifier: PhcHash;
  /** `anna@example.test`, `*@example.test`, in comparable form. */
  readonly senders: ReadonlySet<string>;
  readonly messageSize: number | undefined;
  readonly recipients: number | undefined;
}

/**
 * @param verifier outlives configs, so that who has just logged in need not be checked again after a reload
 * @throws PostriderError ConfigInvalid for a user whose verifier is missing or malformed
 */
export function compilePolicy(config: MtaConfig, verifier: Verifier): Policy {
  const domains = compileDomains(config);
  const users = compileUsers(config);
  const networks = new Map(config.listeners.map(({ name, relayFrom }) => [name, networkList(relayFrom)]));
  const certified = new Map(
    config.listeners.map(({ name, tls }) => [name, new Set(tls.clientAuth?.relayFrom)] as const),
  );

  const ownDomain = (address: string): OwnDomain | undefined => {
    const domain = domainOf(address);
    return domain === undefined ? undefined : domains.get(normalizeDomain(domain));
  };
  const userOf = ({ user }: Client): KnownUser | undefined =>
    user === undefined ? undefined : users.get(user);
  /** Without being a user: by address, or by a certificate that the listener trusts. */
  const mayRelay = ({ listener, address, certificate }: Client): boolean => {
    if (contains(networks.get(listener.name), address)) return true;
    const patterns = certified.get(listener.name);
    if (patterns === undefined || certificate?.trusted !== true) return false;
    return patterns.has('*') || certificate.names.some((name) => matchesAny(patterns, normalizeDomain(name)));
  };

  return {
    async authenticate(username, password) {
      const user = users.get(username);
      const right = await verifier.verify(password, user?.verifier);
      if (!right) throw smtpError('authInvalid');
      return username;
    },

    checkSender(client, mail) {
      const user = userOf(client);
      if (client.user !== undefined) {
        // A user that has been removed since it logged in may do nothing more.
        if (user === undefined) throw smtpError('authRequired');
        if (!maySendAs(user, mail.from)) throw smtpError('senderNotAllowed');
      } else if (!FROM_ANYONE.has(client.listener.role) && !mayRelay(client)) {
        // RFC 6409 §4.3
        throw smtpError('authRequired');
      }
      const limit = user?.messageSize;
      if (limit !== undefined && (mail.declaredSize ?? 0) > limit) throw smtpError('messageTooLarge');
    },

    checkRecipient(client, mail, recipient, accepted) {
      const user = userOf(client);
      if (user?.recipients !== undefined && accepted.length >= user.recipients) {
        throw smtpError('tooManyRecipients');
      }
      // RFC 5321 §4.5.1: postmaster, which alone needs no domain, is taken from everybody
      if (domainOf(recipient.address) === undefined) return;
      const own = ownDomain(recipient.address);
      if (own === undefined) {
        if (user === undefined && !mayRelay(client)) throw relayDenied(client);
        return;
      }
      const localPart = localPartOf(recipient.address);
      if (!own.has(localPart)) throw smtpError('noSuchUser');
      if (BEHIND_US.has(own.domain.target.type) && user === undefined && !mayRelay(client)) {
        // A server behind us takes mail from us for anywhere; some follow a route within the local part.
        if (ROUTE.test(comparable(localPart))) throw smtpError('relayDenied');
      }
      const limit = own.domain.messageSize;
      if (limit !== undefined && (mail.declaredSize ?? 0) > limit) throw smtpError('messageTooLarge');
    },

    highestPriority(client) {
      const mayAsk = client.user !== undefined || mayRelay(client);
      return mayAsk ? (client.listener.maxPriority ?? 0) : 0;
    },

    messageLimits(client, recipients) {
      const own = userOf(client)?.messageSize ?? Infinity;
      return recipients.map(({ address }) =>
        Math.min(own, ownDomain(address)?.domain.messageSize ?? Infinity),
      );
    },

    domainFor: (address) => ownDomain(address)?.domain,
  };
}

/** Roles of listeners that take mail for domains of ours from whoever brings it. */
const FROM_ANYONE: ReadonlySet<Listener['role']> = new Set(['smtp', 'lmtp']);

/** Whoever has shown a certificate in vain is told why. */
function relayDenied({ certificate }: Client): SmtpError {
  if (certificate === undefined) return smtpError('relayDenied');
  const detail = certificate.trusted
    ? `certificate of ${certificate.name} is not for relaying`
    : `client certificate: ${certificate.problem}`;
  return smtpError('relayDenied', { detail });
}

/** Targets that are servers which may relay for us. */
const BEHIND_US: ReadonlySet<string> = new Set(['smtp', 'hold']);

/** `anna%elsewhere.test`, `elsewhere.test!anna`, `"anna@elsewhere.test"`. */
const ROUTE = /[@%!]/;

/** The null reverse-path is nobody's address: a user's client sends receipts with it (RFC 8098 §3). */
function maySendAs({ senders }: KnownUser, from: string): boolean {
  if (from === '') return true;
  const domain = normalizeDomain(domainOf(from) ?? '');
  return senders.has(`*@${domain}`) || senders.has(`${comparable(localPartOf(from))}@${domain}`);
}

function compileDomains(config: MtaConfig): ReadonlyMap<string, OwnDomain> {
  const domains = new Map<string, OwnDomain>();
  for (const domain of config.domains) {
    const own = { domain, has: compileRecipients(domain) };
    for (const name of [domain.domain, ...domain.aliases]) domains.set(normalizeDomain(name), own);
  }
  return domains;
}

function compileUsers(config: MtaConfig): ReadonlyMap<string, KnownUser> {
  const users = new Map<string, KnownUser>();
  for (const { username, verifier, senders, limits, resource } of config.users) {
    const phc = config.secrets[verifier];
    if (phc === undefined) {
      throw new PostriderError('ConfigInvalid', `${resource}: there is no secret ${verifier}`, {
        hint: 'the config and its secrets belong together: load both of one revision',
      });
    }
    users.set(username, {
      verifier: parsePhc(phc),
      senders: new Set(senders.map(comparableAddress)),
      messageSize: limits.messageSize,
      recipients: limits.recipients,
    });
  }
  return users;
}

function comparableAddress(address: string): string {
  return `${comparable(localPartOf(address))}@${normalizeDomain(domainOf(address) ?? '')}`;
}
