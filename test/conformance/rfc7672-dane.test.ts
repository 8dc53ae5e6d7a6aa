/** RFC 7672: next hops that signed DNS vouches for. How that goes with real signatures: test/interop/dane.test.ts. */
import { X509Certificate } from 'node:crypto';
import type { Answer } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { tlsaOf } from '../../mta/deliver/dane/testing/records.ts';
import { issuedCertificate, issuedKey, peerCertificate } from '../../mta/deliver/testing/certificate.ts';
import type { Script } from '../../mta/deliver/testing/peer.ts';
import { a, cname, mx } from '../../mta/route/testing/dns-server.ts';
import { waitFor } from '../support/wait.ts';
import { type MailHostsOptions, startMailHosts, stopMailHosts } from './mail-hosts.ts';
import { startRelay, stopRelays } from './relay.ts';

afterEach(async () => {
  await stopRelays();
  await stopMailHosts();
});

const [FIRST, SECOND] = ['127.0.0.2', '127.0.0.3'];
const peerShows = new X509Certificate(peerCertificate);
const issued = { key: issuedKey, certificate: issuedCertificate + peerCertificate };
const issuedShows = new X509Certificate(issuedCertificate);

const TLS: Script = { answers: { EHLO: '250-peer.test\r\n250-PIPELINING\r\n250 STARTTLS' } };
const PLAIN: Script = { answers: { STARTTLS: '502 5.5.1 What?' } };
const HOST = [mx('d.test', 1, 'mx.test'), a('mx.test', FIRST)];
const OTHER = [mx('d.test', 2, 'mx2.test'), a('mx2.test', SECOND)];

function tlsa(host: string, fields: string, certificate = peerShows): Answer {
  const { data, ...rest } = tlsaOf(fields, certificate);
  const name = `_PORT._tcp.${host}`;
  return { type: 'TLSA', name, ttl: 60, data: { ...rest, certificate: Buffer.from(data, 'hex') } };
}

/** What came of the first attempt for a recipient in `d.test`. */
async function attempt(
  records: readonly Answer[],
  options: Omit<MailHostsOptions, 'records'> = {},
  domain = 'd.test',
) {
  const found = await startMailHosts({
    ...{ records, hosts: { [FIRST]: TLS }, mode: 'opportunistic', signedBut: [], families: ['ipv4'] },
    ...options,
  });
  const relay = await startRelay({ hops: found.hops });
  await relay.accept({ to: [`bob@${domain}`] });
  const { reply } = await waitFor('an attempt', () => relay.attempted[0]);
  const first = found.at[FIRST]!;
  return {
    status: `${reply.code} ${reply.enhanced}`,
    text: reply.text,
    first: { ...first, connections: first.connections() },
    second: found.at[SECOND],
    asked: found.asked().map((each) => each.replace(`_${found.port}`, '_PORT')),
  };
}

const MANDATORY = { mode: 'dane' } as const;
const delivered = { status: '250 2.0.0' };
const waits = { status: '451 4.7.5' };

describe('RFC 7672 §2: which TLSA records hold for a host', () => {
  it('§2.1.2: mail for a domain whose MX records nobody knows is delayed', async () => {
    const records = [...HOST, a('d.test', FIRST)];
    const { status, first } = await attempt(records, { failing: ['MX d.test'] });
    expect([status, first.connections]).toEqual(['451 4.4.3', 0]);
  });

  it('§2.1.2: a host whose TLSA records nobody knows is not connected to, and the next one is', async () => {
    const records = [...HOST, ...OTHER, tlsa('mx2.test', '3 1 1')];
    for (const mode of ['opportunistic', 'dane'] as const) {
      const options = { mode, failing: ['TLSA _'], hosts: { [FIRST]: TLS, [SECOND]: TLS } };
      const alone = await attempt(HOST, options);
      expect(alone).toMatchObject({ ...waits, text: expect.stringContaining('dnssec-invalid') });
      expect(alone.first.connections).toBe(0);
    }
    const aliased = [...records, cname('_PORT._tcp.mx.test', 'keys.test')];
    const both = await attempt(aliased, {
      ...{ failing: ['TLSA keys.test'], hosts: { [FIRST]: TLS, [SECOND]: TLS } },
    });
    expect(both).toMatchObject(delivered);
    expect([both.first.connections, both.second!.secured.includes('DATA')]).toEqual([0, true]);
  });

  it('§2.1.3: an alias that is not signed makes all that it leads to insecure', async () => {
    const records = [
      ...HOST,
      cname('_PORT._tcp.mx.test', 'keys.test'),
      tlsa('keys.test', '3 1 1', issuedShows),
    ];
    expect(await attempt(records, { signedBut: ['keys.test'] })).toMatchObject(delivered);
    expect(await attempt(records, { ...MANDATORY, signedBut: ['keys.test'] })).toMatchObject(waits);
  });

  it('§2.2: where records can be used the server has to have TLS, and to match one', async () => {
    const good = await attempt([...HOST, tlsa('mx.test', '3 1 1')]);
    expect(good).toMatchObject(delivered);
    expect(good.first.secured).toContain('DATA');
    const wrong = await attempt([...HOST, tlsa('mx.test', '3 1 1', issuedShows)]);
    expect(wrong).toMatchObject({ ...waits, text: expect.stringContaining('tlsa-invalid') });
    expect(wrong.first.lines.filter((line) => line.startsWith('MAIL'))).toEqual([]);
    const plain = await attempt([...HOST, tlsa('mx.test', '3 1 1')], { hosts: { [FIRST]: PLAIN } });
    expect(plain).toMatchObject({ ...waits, text: expect.stringContaining('starttls-not-supported') });
    expect(plain.first.contents).toEqual([]);
  });

  it('§2.2: where none can be used, TLS without authentication, and never clear text', async () => {
    const records = [...HOST, tlsa('mx.test', '1 1 1', issuedShows)];
    const encrypted = await attempt(records);
    expect(encrypted).toMatchObject(delivered);
    expect(encrypted.first.secured).toContain('DATA');
    const plain = await attempt(records, { hosts: { [FIRST]: PLAIN } });
    expect(plain).toMatchObject(waits);
    expect(plain.first.contents).toEqual([]);
  });

  it('§2.2: where there are none, as without DANE, clear text included', async () => {
    const { status, first } = await attempt(HOST, { hosts: { [FIRST]: PLAIN } });
    expect([status, first.contents.length]).toEqual(['250 2.0.0', 1]);
  });

  it('§2.2: an address literal has no TLSA records', async () => {
    const { status, asked } = await attempt([], {}, `[${FIRST}]`);
    expect([status, asked]).toEqual(['250 2.0.0', []]);
  });

  it('§2.2.1: MX records that are not signed delay mail where DANE is mandatory, and only there', async () => {
    const records = [...HOST, tlsa('mx.test', '3 1 1')];
    const { status, text, first } = await attempt(records, { ...MANDATORY, signedBut: ['d.test'] });
    expect([status, first.connections]).toEqual(['451 4.7.5', 0]);
    expect(text).toContain('dane-required: the MX records that name it are not signed');
    expect(await attempt(records, { signedBut: ['d.test'] })).toMatchObject(delivered);
  });

  it('§2.2.1: hosts are tried by preference, whichever has TLSA records', async () => {
    const records = [...HOST, ...OTHER, tlsa('mx2.test', '3 1 1')];
    const { first, second } = await attempt(records, { hosts: { [FIRST]: TLS, [SECOND]: TLS } });
    expect([first.connections, second!.connections()]).toEqual([1, 0]);
  });

  it('§2.2.2: a host whose addresses are not signed is not asked for TLSA records', async () => {
    const { status, asked } = await attempt(HOST, { signedBut: ['mx.test'], failing: ['TLSA'] });
    expect([status, asked]).toEqual(['250 2.0.0', ['A mx.test', 'MX d.test']]);
  });

  it('§2.2.2, §2.2.3: of an alias, the name at its end comes first, then its own', async () => {
    const alias = [mx('d.test', 1, 'mx.test'), cname('mx.test', 'real.test'), a('real.test', FIRST)];
    const own = await attempt([...alias, tlsa('mx.test', '3 1 1')]);
    expect(own).toMatchObject(delivered);
    expect(own.asked.filter((each) => each.startsWith('TLSA'))).toEqual([
      ...['TLSA _PORT._tcp.mx.test', 'TLSA _PORT._tcp.real.test'],
    ]);
    const wrong = tlsa('mx.test', '3 1 1', issuedShows);
    expect(await attempt([...alias, wrong, tlsa('real.test', '3 1 1')])).toMatchObject(delivered);
  });

  it('§2.2.3: with another port than 25, that is the one in the name', async () => {
    const { asked } = await attempt([...HOST, tlsa('mx.test', '3 1 1')]);
    expect(asked).toContain('TLSA _PORT._tcp.mx.test');
  });
});

describe('RFC 7672 §3: what a server has to show', () => {
  const withIssued = { hosts: { [FIRST]: { ...TLS, identity: issued } } };

  it('§3.1.1, §3.2.1: names do not matter to DANE-EE(3)', async () => {
    expect(await attempt([...HOST, tlsa('mx.test', '3 1 1')], MANDATORY)).toMatchObject(delivered);
  });

  it('§3.1.2: a trust anchor of DANE-TA(2) is looked for in what the server sends', async () => {
    const records = [...HOST, tlsa('mx.test', '2 0 1')];
    expect(await attempt(records, { ...MANDATORY, ...withIssued })).toMatchObject(delivered);
    const alone = { ...issued, certificate: issuedCertificate };
    const gap = { hosts: { [FIRST]: { ...TLS, identity: alone } } };
    expect(await attempt(records, { ...MANDATORY, ...gap })).toMatchObject(waits);
  });

  it('§3.2.2: a certificate by DANE-TA(2) is for the host, or for the next-hop domain where its MX records are signed', async () => {
    const records = [...HOST, tlsa('mx.test', '2 0 1')];
    expect(await attempt(records, withIssued)).toMatchObject(delivered);
    const { status, text } = await attempt(records, { ...withIssued, signedBut: ['d.test'] });
    expect(status).toBe('451 4.7.5');
    expect(text).toContain('certificate-host-mismatch: the certificate is for d.test, not for mx.test');
  });

  it('§5: of several digests only the strongest counts', async () => {
    const records = [...HOST, tlsa('mx.test', '3 1 1'), tlsa('mx.test', '3 1 2', issuedShows)];
    expect(await attempt(records)).toMatchObject(waits);
  });

  it('§6: where DANE is mandatory, mail for a host without records that can be used is delayed', async () => {
    for (const records of [[], [tlsa('mx.test', '0 0 1')]]) {
      const { status, first } = await attempt([...HOST, ...records], MANDATORY);
      expect([status, first.connections]).toEqual(['451 4.7.5', 0]);
    }
  });

  it('§8.1: the name in SNI is the TLSA base domain', async () => {
    const alias = [mx('d.test', 1, 'mx.test'), cname('mx.test', 'real.test'), a('real.test', FIRST)];
    const { first } = await attempt([...alias, tlsa('real.test', '3 1 1')]);
    expect(first.serverNames).toEqual(['real.test']);
  });
});
