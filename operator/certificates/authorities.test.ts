import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { type Decision, decide, isStale, issue, type Pem } from './authorities.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 29);
const random = seeded(1);
const look = (authorities: readonly Pem[], now: number): Decision =>
  decide(authorities, 'fleet mta in mail', now, random);

describe('the authorities of a fleet', () => {
  it('begin with one, which signs, and stays until it grows old', () => {
    const first = look([], START);
    expect(first.authorities).toEqual([first.signer]);
    for (const days of [1, 100, 729]) expect(look(first.authorities, START + days * DAY)).toEqual(first);
    expect(first.next).toBe(START + 730 * DAY);
  });

  it('go on to the next one, which is trusted before it signs, and the one before it after', () => {
    const first = look([], START);
    const due = START + 730 * DAY;
    const made = look(first.authorities, due);
    expect(made.authorities).toHaveLength(2);
    expect(made.signer).toEqual(first.signer);
    const waiting = look(made.authorities, due + HOUR - 1000);
    expect(waiting).toMatchObject({ authorities: made.authorities, signer: first.signer });
    const signing = look(made.authorities, due + HOUR);
    expect(signing).toMatchObject({ authorities: made.authorities, signer: made.authorities[1]! });
    expect(look(signing.authorities, due + 2 * HOUR - 1000).authorities).toHaveLength(2);
    const alone = look(signing.authorities, due + 2 * HOUR);
    expect(alone.authorities).toEqual([made.authorities[1]!]);
    expect(alone.signer).toEqual(made.authorities[1]!);
  });

  it('begin anew where the operator was away until all had ended', () => {
    const first = look([], START);
    const late = look(first.authorities, START + 1200 * DAY);
    expect(late.authorities).toEqual([late.signer]);
    expect(late.signer).not.toEqual(first.signer);
  });

  it('never let anybody be shown what he does not trust, whenever it is looked', () => {
    // Everybody has what was decided an hour ago, and shows a certificate of who signed then.
    let before = look([], START);
    let now = START;
    const dice = seeded(7);
    for (let i = 0; i < 3000; i += 1) {
      now += dice.fraction() < 0.9 ? HOUR : 20 * DAY * dice.fraction();
      const after = look(before.authorities, now);
      expect(before.authorities).toContainEqual(after.signer);
      expect(after.authorities).toContainEqual(before.signer);
      before = after;
    }
  });
});

describe('a certificate', () => {
  const { signer } = look([], START);
  const made = issue('a.example.internal', signer, START, random);

  it.each([
    ['there is none', undefined, 'a.example.internal', 0, true],
    ['it is new', made.certificate, 'a.example.internal', 0, false],
    ['it has a third of its time left', made.certificate, 'a.example.internal', 60 * DAY, true],
    ['it has a little more', made.certificate, 'a.example.internal', 60 * DAY - HOUR, false],
    ['it is for another name', made.certificate, 'b.example.internal', 0, true],
    ['it is none', 'nonsense', 'a.example.internal', 0, true],
  ])('where %s', (_when, certificate, host, later, stale) => {
    expect(isStale(certificate, host, signer, START + later)).toBe(stale);
  });

  it('is stale where an authority of the same name signs now', () => {
    expect(isStale(made.certificate, 'a.example.internal', look([], START).signer, START)).toBe(true);
  });

  it('does not outlive its authority', () => {
    const late = issue('a.example.internal', signer, START + 1090 * DAY, random);
    expect(isStale(late.certificate, 'a.example.internal', signer, START + 1094 * DAY)).toBe(true);
  });

  it('is trusted on both sides of a connection, by the authority and during a change of it', async () => {
    const now = Date.now();
    const first = look([], now);
    const both = [...first.authorities, look([], now).signer].map((each) => each.certificate).join('');
    const here = issue('here.internal', first.signer, now, random);
    const there = issue('there.internal', first.signer, now, random);
    const server = createServer(
      { cert: there.certificate, key: there.key, ca: both, requestCert: true, minVersion: 'TLSv1.3' },
      (socket) => socket.end(`${socket.getPeerX509Certificate()?.subjectAltName}`),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const tls = { cert: here.certificate, key: here.key, ca: both, servername: 'there.internal' };
      const socket = connect({ port, host: '127.0.0.1', ...tls });
      let said = '';
      for await (const chunk of socket) said += String(chunk);
      expect(said).toBe('DNS:here.internal');
    } finally {
      server.close();
    }
  });
});
