/**
 * What a next hop is asked for before any mail goes there: its policy, and what is known of the host, come to one demand.
 * Everything that has to do with TLS on the way out follows from this. Pure.
 */
import { isIP } from 'node:net';
import type { TlsaRecord } from '../route/dns-answer.ts';
import type { Dane, NextHop, Sts } from '../route/types.ts';
import { DANE_TA, usable } from './dane/records.ts';
import type { TlsFault } from './tls-failure.ts';

export type Demand =
  | { readonly asks: 'clearText' }
  /** TLS where it is offered; after a handshake that failed, clear text on a new connection if `orClear`. */
  | { readonly asks: 'whatIsOffered'; readonly orClear: boolean }
  /** TLS, with any certificate. */
  | { readonly asks: 'encryption' }
  /** TLS, with a certificate for the name of the host that a trusted authority has signed. */
  | { readonly asks: 'authority' }
  | { readonly asks: 'pins'; readonly pins: readonly string[] }
  /** TLS, with a certificate that matches one of the records; these are usable. */
  | { readonly asks: 'tlsa'; readonly records: readonly TlsaRecord[]; readonly references: readonly string[] }
  /** What can't be had of this host: no connection is made. */
  | { readonly asks: 'tooMuch'; readonly fault: TlsFault; readonly why: string };

type Asked = Pick<NextHop, 'address' | 'auth' | 'dane' | 'implicitTls' | 'sts' | 'tls' | 'wish'>;

const ENCRYPTION: Demand = { asks: 'encryption' };

export function demandOf(hop: Asked): Demand {
  const { tls, dane, wish } = hop;
  if (wish === 'required') return requireTls(hop);
  // RFC 8689 §4.2.2: of what domains ask for. The other modes are what our own administrator asks for, of all hosts.
  const isOptional = wish === 'optional';
  switch (tls.mode) {
    case 'none':
      return { asks: 'clearText' };
    case 'required':
      return ENCRYPTION;
    case 'verified':
      return { asks: 'authority' };
    case 'pinned':
      return { asks: 'pins', pins: tls.pins ?? [] };
    case 'dane':
      return mandatory(dane);
    case 'opportunistic':
      return (isOptional ? undefined : opportunistic(dane)) ?? withoutDane(hop);
    case 'daneOrMtaSts':
      return eitherOf(hop);
    case 'mtaSts':
      return isOptional ? withoutDane(hop) : byMtaSts(hop, opportunistic(dane));
  }
}

/** RFC 8689 §4.2.1: of a host that is the destination's, and shows that it is. What a policy asks for besides counts as well. */
function requireTls(hop: Asked): Demand {
  const { tls, dane, sts } = hop;
  if (tls.mode === 'pinned') return { asks: 'pins', pins: tls.pins ?? [] };
  if (tls.mode === 'dane') return mandatory(dane);
  if (tls.mode === 'daneOrMtaSts') return eitherOf(hop);
  if (dane?.isNamedSecurely !== true && sts?.lists !== true) {
    return tooMuch(
      'validation-failure',
      "neither DNSSEC nor an MTA-STS policy says that this host is the domain's",
    );
  }
  if (dane?.tlsa.status === 'failed') return tooMuch('dnssec-invalid', dane.tlsa.why);
  // Records of which none can be used vouch for nothing, and an authority may.
  const byRecords = dane?.tlsa.status === 'found' ? matching(dane.tlsa) : undefined;
  if (byRecords !== undefined) return byRecords;
  return sts?.mode === 'enforce' && !sts.lists
    ? tooMuch('validation-failure', unlisted(sts))
    : { asks: 'authority' };
}

/** Nobody who strips one gets mail in clear text by the other: where it can't be said whether there are TLSA records, there may be. */
function eitherOf(hop: Asked): Demand {
  const byDane = mandatory(hop.dane);
  const isLeftTo = byDane.asks === 'tooMuch' && byDane.fault === 'dane-required';
  return isLeftTo && hop.sts?.mode === 'enforce' ? byMtaSts(hop, opportunistic(hop.dane)) : byDane;
}

/**
 * RFC 8461 §2: what DANE asks for comes first, and where its records leave nothing to compare with, an enforced policy still asks for an
 * authority.
 */
function byMtaSts(hop: Asked, byDane: Demand | undefined): Demand {
  const { sts } = hop;
  if (byDane !== undefined && byDane.asks !== 'encryption') return byDane;
  // RFC 8461 §5: with `testing`, messages may be delivered as though there were no failure.
  if (sts?.mode !== 'enforce') return byDane ?? withoutDane(hop);
  return sts.lists ? { asks: 'authority' } : tooMuch('validation-failure', unlisted(sts));
}

export const unlisted = ({ domain }: Sts): string =>
  `the MTA-STS policy of ${domain} does not name this host`;

/** For SNI: who keeps certificates for several names has to be told which one is meant (RFC 7672 §8.1). */
export function serverNameOf({ host, dane }: Pick<NextHop, 'host' | 'dane'>): string | undefined {
  if (dane?.tlsa.status === 'found') return dane.tlsa.baseDomain;
  return isIP(host) === 0 ? host : undefined;
}

/** RFC 7672 §6: only what is authenticated by TLSA records is good enough, of a host that is securely named (§2.2.1). */
function mandatory(dane: Dane | undefined): Demand {
  if (dane === undefined) return tooMuch('dane-required', 'nobody has asked for TLSA records');
  const { isNamedSecurely, tlsa } = dane;
  if (tlsa.status === 'failed') return tooMuch('dnssec-invalid', tlsa.why);
  if (tlsa.status === 'none') return tooMuch('dane-required', tlsa.why);
  if (!isNamedSecurely) return tooMuch('dane-required', 'the MX records that name it are not signed');
  return matching(tlsa) ?? tooMuch('tlsa-invalid', `none of ${tlsa.records.length} TLSA records can be used`);
}

/** RFC 7672 §2.2: undefined where DANE doesn't apply. */
function opportunistic(dane: Dane | undefined): Demand | undefined {
  if (dane === undefined || dane.tlsa.status === 'none') return undefined;
  if (dane.tlsa.status === 'failed') return tooMuch('dnssec-invalid', dane.tlsa.why);
  return matching(dane.tlsa) ?? ENCRYPTION;
}

/** A password would be read on the way, but to ourselves. */
function withoutDane({ address, auth, implicitTls, tls }: Asked): Demand {
  if (auth !== undefined && !isLoopback(address)) return ENCRYPTION;
  return { asks: 'whatIsOffered', orClear: tls.fallbackToClear && !implicitTls };
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}

function matching(tlsa: Extract<Dane['tlsa'], { status: 'found' }>): Demand | undefined {
  const records = usable(tlsa.records);
  if (records.length === 0) return undefined;
  // Names are asked for by no other usage: sessions with one host are alike then, whoever it takes mail for.
  const references = records.some(({ usage }) => usage === DANE_TA) ? tlsa.references : [];
  return { asks: 'tlsa', records, references };
}

const tooMuch = (fault: TlsFault, why: string): Demand => ({ asks: 'tooMuch', fault, why });
