/** TLS reports of strangers, as mail and as they are. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { byDomain, entryOf } from '../../mta/tls-rpt/receive/entry.ts';
import { reportIn } from '../../mta/tls-rpt/receive/message.ts';
import { MOST_SESSIONS, type TlsReport } from '../../mta/tls-rpt/receive/parse.ts';
import { readReport } from '../../mta/tls-rpt/receive/read.ts';
import { ReportRefusal } from '../../mta/tls-rpt/receive/refusal.ts';
import { summarize } from '../../mta/tls-rpt/receive/summary.ts';
import {
  bytesOf,
  googleReport,
  gzipped,
  microsoftReport,
  reportMail,
} from '../../mta/tls-rpt/receive/testing/reports.ts';
import type { Target } from './targets.ts';

const latin1 = (bytes: Buffer): string => bytes.toString('latin1');

/** What may be said is a refusal, and nothing else. */
async function unlessRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ReportRefusal)) throw error;
    return undefined;
  }
}

function check(report: TlsReport): void {
  assert(report.end >= report.start);
  const entries = [...byDomain(report)].map(([domain, policies]) =>
    entryOf(report, domain, policies, { via: 'mail', receivedAt: 0 }),
  );
  assert(entries.length > 0 && entries.length <= report.policies.length);
  for (const { successful, failed, failures, organization } of entries) {
    for (const count of [successful, failed, ...failures.map(({ sessions }) => sessions)]) {
      assert(Number.isSafeInteger(count) && count >= 0 && count <= MOST_SESSIONS);
    }
    assert(!/\p{Cc}/u.test(organization + failures.map(({ host, reason }) => `${host} ${reason}`).join(' ')));
  }
  const sums = summarize(entries, (name) => name);
  assert.equal(sums.length, entries.length);
}

const WORDS = [
  ...['{"', '":', '[', ']', '}', ',', '"policies":[', '"policy":{', '"summary":{', '-1', '1e99', 'null'],
  ...['"__proto__":{', '"failure-details":[', '"result-type":"', '\\u0000', '"failed-session-count":'],
  ...[
    '\r\n--0000ab\r\n',
    'Content-Type: application/tlsrpt+json\r\n',
    'Content-Type: message/rfc822\r\n\r\n',
  ],
  ...['Content-Transfer-Encoding: quoted-printable\r\n', '=\r\n', '\x1f\x8b\x08\0'],
];

export const tlsReports: Target = {
  corpus: [
    latin1(bytesOf(googleReport())),
    latin1(bytesOf(microsoftReport())),
    latin1(gzipped(googleReport())),
    latin1(reportMail(gzipped(microsoftReport()))),
    latin1(reportMail(bytesOf(googleReport()), { type: 'application/tlsrpt+json', encoding: '7bit' })),
  ],
  words: WORDS,
  async run(bytes) {
    const mail = { size: bytes.length, bytes: undefined, stream: () => Readable.from([bytes]) };
    for (const found of [bytes, await unlessRefused(reportIn(mail))]) {
      const report = found && (await unlessRefused(readReport(found)));
      if (report !== undefined) check(report);
    }
  },
};
