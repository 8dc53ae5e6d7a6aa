/** Domains with servers of their own, each a case of what DANE may find: written down one by one, then served all together. */
import { X509Certificate } from 'node:crypto';
import { tlsaOf } from '../../mta/deliver/dane/testing/records.ts';
import { type Peer, type Script, startPeer } from '../../mta/deliver/testing/peer.ts';
import type { Identity } from '../support/identities.ts';
import { freePort } from '../support/ports.ts';
import type { SignedZone } from '../support/signed-zones.ts';

/** `tls`: delivered over TLS; `clear`: delivered in clear text; else it waits, for a reason that says this. */
export type Expected = 'tls' | 'clear' | RegExp;

export interface Outcome {
  /** By the mode `DANE`, and by `Opportunistic`. */
  readonly mandatory: Expected;
  readonly opportunistic: Expected;
  /** In SNI, of all who follow TLSA records. */
  readonly serverName?: string;
}

export interface Case extends Outcome {
  readonly what: string;
  readonly domain: string;
  readonly peers: readonly Peer[];
}

export type ZoneName = 'signed' | 'unsigned' | 'expired' | 'bogus';

/** Both modes come to the same. */
export const both = (expected: Expected, serverName?: string): Outcome => ({
  ...{ mandatory: expected, opportunistic: expected },
  ...(serverName !== undefined && { serverName }),
});

export const OFFERED: Script = { answers: { EHLO: '250-peer.test\r\n250-PIPELINING\r\n250 STARTTLS' } };
export const NOT_OFFERED: Script = { answers: { STARTTLS: '502 5.5.1 What?' } };

export class DaneTree {
  readonly port: number;
  readonly cases: Case[] = [];
  readonly #records: Record<ZoneName, string[]> = { signed: [], unsigned: [], expired: [], bogus: [] };
  readonly #peers: Peer[] = [];
  readonly #lame: string[] = [];

  private constructor(port: number) {
    this.port = port;
  }

  /** All servers have one port, at addresses of their own. */
  static async create(): Promise<DaneTree> {
    return new DaneTree(await freePort('127.0.1.1'));
  }

  /** Another server, and where it is. */
  async server(script: Script = OFFERED): Promise<{ peer: Peer; address: string }> {
    const address = `127.0.1.${this.#peers.length + 1}`;
    const peer = await startPeer(script, { address, port: this.port });
    this.#peers.push(peer);
    return { peer, address };
  }

  /** A record for the certificate, such as `3 1 1`. */
  tlsa(host: string, fields: string, { certificate }: Identity): string {
    const { data } = tlsaOf(fields, new X509Certificate(certificate));
    return `_${this.port}._tcp.${host} TLSA ${fields} ${data}`;
  }

  records(zone: ZoneName, ...lines: readonly string[]): void {
    this.#records[zone].push(...lines);
  }

  /** Nobody who is asked about this name of `signed.test` knows anything of it. */
  lame(name: string): void {
    this.records('signed', `${name} NS ns.invalid.`);
    this.#lame.push(`${name}.signed.test`);
  }

  case(what: string, domain: string, peers: readonly Peer[], outcome: Outcome): void {
    this.cases.push({ what, domain, peers, ...outcome });
  }

  /**
   * A domain with one host, `mx` below it.
   *
   * @param lines its records; where they give the host no address, it has that of its server
   */
  async domain(
    [name, zone = 'signed']: readonly [name: string, zone?: ZoneName],
    what: string,
    outcome: Outcome,
    script: Script,
    lines: (host: string, address: string) => readonly string[],
  ): Promise<void> {
    const { peer, address } = await this.server(script);
    const host = `mx.${name}`;
    const given = lines(host, address);
    const isGiven = given.some((line) => / (A|CNAME) /.test(line) && line.startsWith(`${host} `));
    this.records(zone, `${name} MX 10 ${host}`, ...(isGiven ? [] : [`${host} A ${address}`]), ...given);
    this.case(what, `${name}.${zone}.test`, [peer], outcome);
  }

  get zones(): Readonly<Record<string, SignedZone>> {
    const { signed, unsigned, expired, bogus } = this.#records;
    return {
      'signed.test': { records: signed },
      'unsigned.test': { records: unsigned, signatures: 'none' },
      'expired.test': { records: expired, signatures: 'expired' },
      'bogus.test': { records: bogus, spoil },
    };
  }

  get lameZones(): readonly string[] {
    return this.#lame;
  }

  async close(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.close()));
  }
}

/** Of the domains in `bogus.test`, the records of which each has its name are others than those that were signed. */
const spoil = (text: string): string =>
  text
    .replace(
      /^(_\d+\._tcp\.mx\.tlsa\.bogus\.test\.\s.*\sTLSA\s+3 1 1 )(.)/m,
      (_line, head: string, digit: string) => head + (digit === '0' ? '1' : '0'),
    )
    .replace(/^(mx\.bogus\.test\.\s.*\sMX\s+)10/m, '$111')
    .replace(/^(mx\.a\.bogus\.test\.\s.*\sA\s+127\.0\.)1\./m, '$12.');
