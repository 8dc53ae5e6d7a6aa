/**
 * Opens a session with one next hop: connects, shakes hands, and goes on in clear text after a failed TLS handshake
 * only where the policy says so. Rejects with an `SmtpError`; the connection is closed then.
 */
import { isIPv6 } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { type SmtpError, smtpError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { NextHop } from '../route/types.ts';
import { type Demand, demandOf } from './demand.ts';
import type { Dial } from './dial.ts';
import { Dialogue } from './dialogue.ts';
import { type Greeted, handshake } from './handshake.ts';
import { SmtpSession } from './session.ts';
import { sourceAddress } from './source.ts';
import { byPolicy, type StsFailureListener, testedFailure } from './sts.ts';
import { TlsFailure } from './tls-failure.ts';
import { isByDane, sessionFailure, type TlsListener } from './tls-session.ts';
import type { PooledSession } from './types.ts';
import { openWebhook } from './webhook/open.ts';

export interface OpenDeps {
  readonly config: () => MtaConfig;
  readonly clock: Clock;
  readonly dial: Dial;
  readonly random: Random;
  /** Our name, for EHLO. */
  readonly hostname: () => string;
  /** Addresses of this machine, asked for where config chooses among them. */
  readonly interfaces: () => readonly string[];
  readonly onStsFailure: StsFailureListener;
  readonly onTls: TlsListener;
}

/** Ours of the connection, as soon as there is one. */
interface Ends {
  from: string | undefined;
}

export type Open = (hop: NextHop) => Promise<PooledSession>;

export function sessionOpener(deps: OpenDeps): Open {
  const contexts = secureContexts();
  const dialled = async (hop: NextHop) => {
    const config = deps.config();
    const secureContext = contexts(hop, config.secrets);
    const source = sourceFor(hop, config, deps.interfaces);
    const socket = await deps.dial(hop, config.delivery.timeouts.connect, source);
    return { socket, secureContext, delivery: config.delivery };
  };
  const greet = async (hop: NextHop, demand: Demand, ends: Ends): Promise<Greeted> => {
    if (demand.asks === 'tooMuch') throw new TlsFailure(demand.fault, demand.why);
    const { socket, secureContext, delivery } = await dialled(hop);
    // It is forgotten with the socket.
    ends.from = socket.localAddress;
    return handshake(socket, {
      hop,
      demand,
      hostname: deps.hostname(),
      timeouts: delivery.timeouts,
      clock: deps.clock,
      secureContext,
    });
  };
  return async (hop) => {
    if (hop.protocol === 'webhook') {
      const { socket, ...rest } = await dialled(hop);
      return openWebhook(socket, hop, { ...rest, clock: deps.clock, random: deps.random });
    }
    const demand = demandOf(hop);
    let failed: TlsFailure | undefined;
    const ends: Ends = { from: undefined };
    const tell = (failure: TlsFailure | undefined) => deps.onTls({ hop, demand, failure, from: ends.from });
    const greeted = await greet(hop, demand, ends)
      .catch((error) => {
        if (error instanceof TlsFailure && demand.asks === 'whatIsOffered' && demand.orClear) {
          failed = error;
          return greet(hop, { asks: 'clearText' }, ends);
        }
        throw error;
      })
      .catch((error) => {
        if (!(error instanceof TlsFailure)) {
          if (failed !== undefined) tell(failed);
          throw error;
        }
        tell(error);
        if (hop.sts !== undefined) deps.onStsFailure(hop.sts, hop.host, error);
        throw withoutTls(hop, error);
      });
    const tested = testedFailure(greeted.socket, hop, failed, deps.clock.now());
    tell((isByDane(hop, demand) ? undefined : (tested ?? failed)) ?? sessionFailure(greeted.tls, demand));
    if (hop.sts !== undefined && tested !== undefined) deps.onStsFailure(hop.sts, hop.host, tested);
    if (hop.wish === 'required' && !greeted.extensions.has('REQUIRETLS')) {
      greeted.socket.destroy();
      throw isOfSender(hop)
        ? smtpError('notRequireTls', { detail: hop.host, closes: true })
        : withoutTls(hop, new TlsFailure('validation-failure', 'it does not support REQUIRETLS'));
    }
    const { delivery } = deps.config();
    const dialogue = new Dialogue(greeted.socket, deps.clock, hop.host);
    return new SmtpSession(
      {
        ...{ dialogue, hop, extensions: greeted.extensions, timeouts: delivery.timeouts },
        ...{ now: () => deps.clock.now(), needsReset: false },
      },
      greeted.tls,
      hop.messagesPerConnection ?? delivery.messagesPerConnection,
    );
  };
}

/** Whether it is the sender alone who wants it: what a policy asks for may come yet. */
const isOfSender = ({ wish, tls }: NextHop): boolean => wish === 'required' && tls.requireTls !== true;

function withoutTls(hop: NextHop, cause: TlsFailure): SmtpError {
  const detail = `${hop.host}: ${cause.message} (${byPolicy(hop)})`;
  return smtpError(isOfSender(hop) ? 'encryptionNeeded' : 'tlsUnavailable', { detail, closes: true, cause });
}

/** Undefined where any address will do; throws where none of ours will. */
function sourceFor(
  hop: NextHop,
  { egress }: MtaConfig,
  interfaces: OpenDeps['interfaces'],
): string | undefined {
  const { sourceNetworks } = egress;
  if (sourceNetworks === undefined || hop.isOwnTarget) return undefined;
  const source = sourceAddress(sourceNetworks, interfaces(), hop.address);
  if (source !== undefined) return source;
  const family = isIPv6(hop.address) ? 'IPv6' : 'IPv4';
  throw smtpError('connectionFailed', {
    detail: `${hop.host}[${hop.address}]:${hop.port}: we have no ${family} address in egress.sourceNetworks (${sourceNetworks.join(', ')})`,
    closes: true,
  });
}

/** Making one reads all root certificates: they are kept, for as many as there are kinds of policies. */
function secureContexts(): (hop: NextHop, secrets: MtaConfig['secrets']) => SecureContext {
  const kept = new Map<string, SecureContext>();
  return ({ tls }, secrets) => {
    const ca = tls.ca === undefined ? undefined : secrets[tls.ca];
    if (tls.ca !== undefined && ca === undefined) {
      throw smtpError('notConfigured', { detail: `TLS policy ${tls.name}: config has no secret ${tls.ca}` });
    }
    const key = `${tls.minVersion} ${ca ?? ''}`;
    let context = kept.get(key);
    if (context === undefined) {
      context = createSecureContext({ minVersion: tls.minVersion, ...(ca === undefined ? {} : { ca }) });
      kept.set(key, context);
    }
    return context;
  };
}
