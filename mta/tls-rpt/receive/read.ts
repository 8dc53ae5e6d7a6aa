/** The report in what was sent as one, whatever it was said to be: gzip is known by how it begins. Rejects with a `ReportRefusal`. */
import { inflated, isGzip } from './gunzip.ts';
import { parseReport, type TlsReport } from './parse.ts';
import { ReportRefusal } from './refusal.ts';

/** RFC 8460 §5.2: "a commonly observed receiver limit is ten megabytes". Of what is sent, and of what its gzip holds. */
export const LARGEST_REPORT = 10 * 1024 * 1024;

export async function readReport(bytes: Buffer): Promise<TlsReport> {
  if (bytes.length > LARGEST_REPORT) {
    throw new ReportRefusal('tooLarge', `it is of more than ${LARGEST_REPORT} bytes`);
  }
  return parseReport(isGzip(bytes) ? await inflated(bytes, LARGEST_REPORT) : bytes);
}
