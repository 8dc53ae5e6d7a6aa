/** RFC 8460 §5: reports that are mailed to a domain of ours are taken, and whatever else comes to their address harms nobody. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Domain } from '../../mta/config.ts';
import { ownDomain } from '../../mta/testing/flow-world.ts';
import { googleReport, gzipped, reportMail } from '../../mta/tls-rpt/receive/testing/reports.ts';
import type { TlsReports } from '../../mta/tls-rpt/receive/view.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

const mtas: Mta[] = [];
afterEach(async () => {
  await stopRelays();
  await Promise.all(mtas.splice(0).map((mta) => mta.stop()));
});

const ours = (change: Partial<Domain> = {}): Domain =>
  ownDomain('ours.test', {
    aliases: ['alias.test'],
    recipients: { mode: 'list', list: ['anna'], subaddressDelimiter: '+' },
    tlsRpt: { mailbox: 'tls-reports', rua: [] },
    ...change,
  });

/** Yesterday, as reports are. */
function report(domain = 'ours.test', id = 'r1') {
  const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const plain = googleReport({
    'report-id': id,
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
  });
  return JSON.parse(JSON.stringify(plain).replaceAll('ours.test', domain)) as unknown;
}

async function send(
  { port }: Pick<Relay, 'port'>,
  to: string,
  content: Buffer | string,
  { from = 'anna@sender.test', rcpt = '' } = {},
): Promise<string> {
  const wire = await Wire.hello(port);
  const taken = await wire.dialogue(`MAIL FROM:<${from}>`, `RCPT TO:<${to}>${rcpt}`);
  if (taken.at(-1) === '250 2.1.5') {
    await wire.command('DATA');
    wire.send(`${content.toString('latin1')}\r\n.\r\n`);
    taken.push((await wire.reply()).status);
  }
  await wire.command('QUIT');
  return taken.at(-1)!;
}

const ended = (relay: Relay, count = 1) =>
  waitFor('its end', () => relay.ended.length >= count && relay.ended);

describe('RFC 8460 §5.3: mail to the address for reports', () => {
  it.each([
    'tls-reports@ours.test',
    'TLS-Reports@Alias.test',
    '"tls-reports"@ours.test',
    'tls-reports+x@ours.test',
  ])('is taken for %s, which nobody has listed, and ends with us', async (to) => {
    const relay = await startRelay({ domains: [ours()] });
    expect(await send(relay, to, reportMail(gzipped(report())))).toBe('250 2.0.0');
    const [end] = await ended(relay);
    expect(end).toMatchObject({ outcome: 'delivered', destination: 'tls-rpt:ours.test' });
    expect(end!.reply).toEqual({ code: 250, enhanced: '2.0.0', text: 'TLS report taken: it was counted' });
    expect(end).not.toHaveProperty('nextHop');
    expect(relay.peer.lines).toEqual([]);
    expect(await relay.queued()).toEqual([]);
    expect(relay.defects).toEqual([]);
  });

  it('goes to the target, or nowhere, where the domain has no such address', async () => {
    const relay = await startRelay({ domains: [ours({ tlsRpt: { rua: [] } })] });
    expect(await send(relay, 'tls-reports@ours.test', 'x')).toBe('550 5.1.1');
    const { tlsRpt: _, ...any } = ours({ recipients: { mode: 'any', list: [] } });
    const other = await startRelay({ domains: [any] });
    expect(await send(other, 'tls-reports@ours.test', 'Subject: x\r\n\r\nx')).toBe('250 2.0.0');
    expect((await ended(other))[0]).toMatchObject({ destination: 'domain:ours.test' });
    expect(other.peer.lines).toContain('RCPT TO:<tls-reports@ours.test>');
  });

  it.each([
    ['is no report', 'Subject: buy this\r\n\r\nnow', 'the message has no part with a report'],
    [
      'is about others',
      reportMail(gzipped(report('b.test'))),
      'it is about no domain that asks for reports here',
    ],
    ['is damaged', reportMail(gzipped(report()).subarray(0, 40)), 'its gzip is damaged'],
  ])('that %s ends there, and nobody is sent a bounce', async (_what, content, why) => {
    const relay = await startRelay({ domains: [ours()] });
    expect(await send(relay, 'tls-reports@ours.test', content)).toBe('250 2.0.0');
    const [end] = await ended(relay);
    expect(end).toMatchObject({ outcome: 'delivered' });
    expect(end!.reply.text).toBe(`Discarded by the mailbox for TLS reports: ${why}`);
    expect(await relay.queued()).toEqual([]);
    expect(relay.inbox.contents).toEqual([]);
  });

  it('is delivered for who asks to be told of that (RFC 3461 §5.2)', async () => {
    const relay = await startRelay({ domains: [ours()] });
    await send(relay, 'tls-reports@ours.test', reportMail(gzipped(report())), { rcpt: ' NOTIFY=SUCCESS' });
    await ended(relay, 2);
    expect(relay.inbox.contents).toHaveLength(1);
    expect(String(relay.inbox.contents[0])).toContain('Action: delivered');
  });

  it('goes on to others that it is for', async () => {
    const relay = await startRelay({ domains: [ours()] });
    const wire = await Wire.hello(relay.port);
    await wire.dialogue(
      'MAIL FROM:<>',
      'RCPT TO:<tls-reports@ours.test>',
      'RCPT TO:<anna@ours.test>',
      'DATA',
    );
    wire.send(`${reportMail(gzipped(report())).toString('latin1')}\r\n.\r\n`);
    expect((await wire.reply()).status).toBe('250 2.0.0');
    const ends = await ended(relay, 2);
    expect(ends.map(({ destination }) => destination).toSorted()).toEqual([
      ...['domain:ours.test', 'tls-rpt:ours.test'],
    ]);
    expect(relay.peer.lines.filter((line) => line.startsWith('RCPT'))).toEqual(['RCPT TO:<anna@ours.test>']);
  });
});

describe('a running mta', () => {
  const start = async (): Promise<Mta> => {
    const mta = await startMta({ config: () => ({ workers: 2, domains: [ours()] }) });
    mtas.push(mta);
    return mta;
  };
  const reports = (mta: Mta) => mta.control('/v1/tls-reports') as Promise<TlsReports>;
  const countOf = (mta: Mta) => mta.metric('postrider_tls_reports_received_total');

  it('counts reports that come by mail once, in its metrics and on its control port, and knows them after a restart', async () => {
    const mta = await start();
    const there = { port: mta.ports.smtp };
    for (const [domain, id] of [
      ['ours.test', 'r1'],
      ['ours.test', 'r1'],
      ['alias.test', 'r2'],
      ['b.test', 'r3'],
    ] as const) {
      await send(there, 'tls-reports@ours.test', reportMail(gzipped(report(domain, id))));
    }
    await send(there, 'tls-reports@ours.test', 'Subject: none\r\n\r\nnone');
    await waitFor('five reports', async () => (await countOf(mta)) === 5);
    const text = await (await mta.health('/metrics')).text();
    const lines = text.split('\n').filter((line) => line.startsWith('postrider_tls_report'));
    expect(lines.toSorted()).toEqual([
      'postrider_tls_report_sessions_total{result="failed"} 0',
      'postrider_tls_report_sessions_total{result="successful"} 1546',
      'postrider_tls_reports_received_total{via="mail",result="counted"} 2',
      'postrider_tls_reports_received_total{via="mail",result="duplicate"} 1',
      'postrider_tls_reports_received_total{via="mail",result="foreign"} 1',
      'postrider_tls_reports_received_total{via="mail",result="invalid"} 1',
    ]);
    const expected = {
      days: 7,
      domains: [
        {
          ...{ domain: 'ours.test', resource: 'MailDomain/mail/ours.test', reports: 2 },
          ...{ successfulSessions: 1546, failedSessions: 0, organizations: ['Google Inc.'] },
        },
      ],
    };
    expect(await reports(mta)).toMatchObject(expected);
    const logged = () => mta.log().filter(({ msg }) => msg === 'TLS report');
    await waitFor('two lines in the log', () => logged().length === 2);
    expect(logged()[0]).toMatchObject({ via: 'mail', organization: 'Google Inc.' });

    await mta.stop();
    await mta.restart();
    expect(await reports(mta)).toMatchObject(expected);
    await send(there, 'tls-reports@ours.test', reportMail(gzipped(report())));
    await waitFor('one more', async () => (await countOf(mta)) === 1);
    expect(await reports(mta)).toMatchObject(expected);
  }, 120_000);
});
