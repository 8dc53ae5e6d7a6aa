/** What the whole mta reports is read by parsedmarc: as mail, and as it is posted. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { REPORTED, startTlsRptWorld, type TlsRptWorld } from '../conformance/tls-rpt-world.ts';
import { describeUnless } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { ROOT } from '../support/mta.ts';

const folder = execFileSync('sh', [join(ROOT, 'scripts/foreign-readers.sh'), '--folder'], {
  encoding: 'utf8',
}).trim();
const program = join(folder, 'bin/parsedmarc');
const missing = existsSync(join(folder, 'complete')) ? [] : ['parsedmarc'];

interface Read {
  readonly smtp_tls_reports: readonly {
    readonly organization_name: string;
    readonly contact_info: string;
    readonly begin_date: string;
    readonly report_id: string;
    readonly policies: readonly {
      readonly policy_domain: string;
      readonly policy_type: string;
      readonly policy_strings?: readonly string[];
      readonly successful_session_count: number;
      readonly failed_session_count: number;
      readonly failure_details?: readonly {
        readonly result_type: string;
        readonly failed_session_count: number;
      }[];
    }[];
  }[];
}

function read(files: readonly Buffer[], extension: string): Read['smtp_tls_reports'] {
  const into = temporaryFolder('reports');
  const paths = files.map((content, index) => {
    const path = join(into, `${index}.${extension}`);
    writeFileSync(path, content);
    return path;
  });
  const output = execFileSync(program, ['--offline', ...paths], { encoding: 'utf8', timeout: 60_000 });
  return (JSON.parse(output) as Read).smtp_tls_reports;
}

describeUnless(missing, 'scripts/foreign-readers.sh installs it', 'TLS reports, read by parsedmarc', () => {
  let world: TlsRptWorld;
  beforeAll(async () => {
    world = await startTlsRptWorld();
  }, 90_000);
  afterAll(() => world?.close());

  const summaries = (reports: Read['smtp_tls_reports']) =>
    reports
      .flatMap(({ policies }) => policies)
      .map((policy) => [
        ...[policy.policy_domain, policy.policy_type],
        ...[policy.successful_session_count, policy.failed_session_count],
        (policy.failure_details ?? [])
          .map((each) => `${each.result_type} ${each.failed_session_count}`)
          .join(),
      ])
      .sort();
  const expected = [
    ['broken.test', 'no-policy-found', 0, 1, 'validation-failure 1'],
    ['clear.test', 'no-policy-found', 0, 1, 'starttls-not-supported 1'],
    ['good.test', 'no-policy-found', 1, 0, ''],
    ['tested.test', 'sts', 0, 1, 'certificate-not-trusted 1'],
  ];

  it('say the same by mail and by HTTPS, and what has happened', () => {
    const mailed = world
      .mailed()
      .map((content) => Buffer.from(content.toString('latin1').replace(/\.\r\n$/, '')));
    const posted = world.posted.map(({ body }) => body);
    for (const reports of [read(mailed, 'eml'), read(posted, 'json.gz')]) {
      expect(reports).toHaveLength(REPORTED.length);
      expect(summaries(reports)).toEqual(expected);
      expect(new Set(reports.map(({ report_id }) => report_id)).size).toBe(REPORTED.length);
      for (const { organization_name, contact_info, begin_date } of reports) {
        expect([organization_name, contact_info]).toEqual(['Ours', 'tls-reports@ours.test']);
        expect(begin_date).toBe(`${world.day}T00:00:00Z`);
      }
    }
  });
});
