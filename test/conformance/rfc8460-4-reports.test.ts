/** RFC 8460 from end to end: what reports say, and how they come. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daysPath } from '../../mta/tls-rpt/days.ts';
import { dayOf, startOf } from '../../mta/tls-rpt/report.ts';
import { waitFor } from '../support/wait.ts';
import { HOSTS, REPORTED, startTlsRptWorld, type TlsRptWorld } from './tls-rpt-world.ts';

interface Mailed {
  readonly fields: ReadonlyMap<string, string>;
  readonly parts: readonly string[];
  readonly attachment: Buffer;
}

function parsed(content: Buffer): Mailed {
  const text = content.toString('latin1').replace(/\r\n\.\r\n$/, '\r\n');
  const end = text.indexOf('\r\n\r\n');
  const header = text.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const fields = new Map(
    header.split('\r\n').map((line) => [line.split(':')[0]!.toLowerCase(), line.replace(/^[^:]*: */, '')]),
  );
  const boundary = /boundary="([^"]+)"/.exec(fields.get('content-type') ?? '')?.[1];
  const parts = text.slice(end).split(`--${boundary}`).slice(1, -1);
  const attachment = Buffer.from(parts.at(-1)!.split('\r\n\r\n')[1]!, 'base64');
  return { fields, parts, attachment };
}

describe('RFC 8460: reports of a day', () => {
  let world: TlsRptWorld;
  beforeAll(async () => {
    world = await startTlsRptWorld();
  }, 90_000);
  afterAll(() => world?.close());

  const mailed = () => world.mailed().map(parsed);
  const reportOn = (domain: string) =>
    mailed().find(({ fields }) => fields.get('tls-report-domain') === domain)!;
  const jsonOf = (domain: string) => JSON.parse(gunzipSync(reportOn(domain).attachment).toString());

  it('are sent to the domains that ask for them, at each place that they name', () => {
    expect(
      mailed()
        .map(({ fields }) => fields.get('tls-report-domain'))
        .sort(),
    ).toEqual(REPORTED);
    expect(
      world.posted.map(({ body }) => JSON.parse(gunzipSync(body).toString())['report-id']).sort(),
    ).toEqual(REPORTED.map((domain) => jsonOf(domain)['report-id']).sort());
  });

  it('§4.4: have the day, who reports, and an id each', () => {
    for (const domain of REPORTED) {
      expect(jsonOf(domain)).toMatchObject({
        'organization-name': 'Ours',
        'contact-info': 'tls-reports@ours.test',
        'date-range': {
          'start-datetime': `${world.day}T00:00:00Z`,
          'end-datetime': `${world.day}T23:59:59Z`,
        },
      });
    }
    expect(new Set(REPORTED.map((domain) => jsonOf(domain)['report-id'])).size).toBe(4);
  });

  const none = (domain: string) => ({ 'policy-type': 'no-policy-found', 'policy-domain': domain });
  const summary = (good: number, bad: number) => ({
    'total-successful-session-count': good,
    'total-failure-session-count': bad,
  });
  const failure = (domain: string, result: string) => ({
    'result-type': result,
    'receiving-mx-hostname': `mx.${domain}`,
    'receiving-ip': HOSTS[domain]!.address,
    'sending-mta-ip': '127.0.0.1',
    'failed-session-count': 1,
    'failure-reason-code': expect.any(String),
  });

  it('§4.2.1: count sessions that kept to what policies ask, and not messages', () => {
    expect(jsonOf('good.test').policies).toEqual([{ policy: none('good.test'), summary: summary(1, 0) }]);
  });

  it.each([
    ['clear.test', 'starttls-not-supported'],
    ['broken.test', 'validation-failure'],
  ])('§4.2.2, §4.3: count what failed, though mail went: %s', (domain, result) => {
    expect(jsonOf(domain).policies).toEqual([
      { policy: none(domain), summary: summary(0, 1), 'failure-details': [failure(domain, result)] },
    ]);
  });

  it('RFC 8461 §5: count what does not keep to a policy that is tested', () => {
    const policy = {
      ...{ 'policy-type': 'sts', 'policy-domain': 'tested.test', 'mx-host': ['mx.tested.test'] },
      'policy-string': ['version: STSv1', 'mode: testing', 'mx: mx.tested.test', 'max_age: 864000'],
    };
    expect(jsonOf('tested.test').policies).toEqual([
      {
        ...{ policy, summary: summary(0, 1) },
        'failure-details': [failure('tested.test', 'certificate-not-trusted')],
      },
    ]);
  });

  it('§5.3: by mail are multipart/report with a text and a compressed attachment, called as §5.1 has it', () => {
    const { fields, parts } = reportOn('good.test');
    const id = jsonOf('good.test')['report-id'];
    expect(fields.get('content-type')).toMatch(/^multipart\/report; report-type="tlsrpt"; boundary=/);
    expect(fields.get('subject')).toBe(`Report Domain: good.test Submitter: ours.test Report-ID: <${id}>`);
    expect(fields.get('tls-report-submitter')).toBe('ours.test');
    expect(fields.get('from')).toBe('<tls-reports@ours.test>');
    expect(parts).toHaveLength(2);
    expect(parts[0]).toContain('Content-Type: text/plain');
    expect(parts[1]).toContain('Content-Type: application/tlsrpt+gzip');
    const begin = startOf(world.day) / 1000;
    const name = `ours\\.test!good\\.test!${begin}!${begin + 86_399}![0-9a-zA-Z]+\\.json\\.gz`;
    expect(parts[1]).toMatch(new RegExp(`filename="${name}"`));
  });

  it('§3: by mail go though TLS fails that a policy enforces, which ordinary mail waits for', async () => {
    const peer = world.peers.get('reports.test')!;
    expect(reportOn('good.test').fields.get('tls-required')).toBe('No');
    expect(peer.lines.filter((line) => line.startsWith('MAIL'))).toEqual(
      REPORTED.map(() => expect.stringMatching(/^MAIL FROM:<>/)),
    );
    await world.submit('c@reports.test');
    const waits = await waitFor('an attempt', () =>
      world.mta.log().find((line) => line['to'] === 'c@reports.test' && 'reply' in line),
    );
    expect(waits['reply']).toMatch(/^451 4\.7\.5 .*certificate-not-trusted/);
    expect(mailed()).toHaveLength(4);
  });

  it('§5.4: by HTTPS are one POST each, of the same report', () => {
    for (const { line, headers, body } of world.posted) {
      expect(line).toBe('POST /v1/tlsrpt');
      expect(headers['content-type']).toBe('application/tlsrpt+gzip');
      const json = JSON.parse(gunzipSync(body).toString());
      expect(REPORTED.map(jsonOf)).toContainEqual(json);
    }
  });

  it('are sent once, whatever restarts, and are counted', async () => {
    const { mta, dns } = world;
    expect(await mta.metric('postrider_tls_reports_total')).toBe(8);
    const folder = daysPath(mta.config.queue.path);
    await waitFor(
      'the end of the day',
      () => readdirSync(join(folder, world.day)).join() === 'finished.json',
    );
    await mta.stop();
    await mta.restart();
    const asked = () => dns.queries.filter(({ name }) => name.startsWith('_smtp._tls.')).length;
    const before = asked();
    await world.send('good.test');
    expect([mailed().length, world.posted.length, asked()]).toEqual([4, 4, before]);
    expect(await mta.metric('postrider_tls_reports_total')).toBeUndefined();
  });

  it('§3: do not count the sessions that they went by', async () => {
    const { mta } = world;
    await mta.stop();
    const folder = join(daysPath(mta.config.queue.path), dayOf(Date.now()));
    const counted = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(counted.join('')).toContain('good.test');
    const lines = counted.flatMap((text) => text.trimEnd().split('\n'));
    const ofReports = lines.map((line) => JSON.parse(line)).filter(({ domain }) => domain === 'reports.test');
    // What is tried of the one message that waits counts, and so does each look for the policy: all of that fails.
    expect(ofReports.length).toBeGreaterThan(0);
    for (const { policies } of ofReports) {
      for (const { policy, succeeded } of policies) expect([policy.type, succeeded]).toEqual(['sts', 0]);
    }
    expect(world.peers.get('reports.test')!.contents).toHaveLength(4);
  });
});
