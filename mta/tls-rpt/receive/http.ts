/**
 * The endpoint that reports are posted to (RFC 8460 §5.4), without the server that it is behind: one request is answered with a status
 * and a line for people. Never rejects, whatever the client does. Where it answers before the end of the body the rest is left unread:
 * the server closes the connection then.
 */
import type { Clock } from '../../clock.ts';
import { within } from '../../within.ts';
import type { ReportIntake, TakenResult } from './intake.ts';
import { REPORT_TYPES } from './message.ts';
import { LARGEST_REPORT } from './read.ts';

export interface ReportRequest {
  readonly method: string;
  /** Content-Type, with its parameters; undefined where there is none. */
  readonly contentType: string | undefined;
  readonly body: AsyncIterable<Buffer>;
}

export interface ReportAnswer {
  readonly status: number;
  readonly text: string;
}

export interface EndpointDeps {
  readonly intake: Pick<ReportIntake, 'take'>;
  readonly clock: Clock;
  /** Told why a report could not be kept: the volume's failure. */
  readonly onError: (error: unknown) => void;
}

/** RFC 8460 §5.4 says that the media types SHOULD be its own: these are what some send instead. */
const OTHER_TYPES = new Set(['application/json', 'application/gzip', 'application/x-gzip']);
/** Bodies that are read at a time, each of up to `LARGEST_REPORT`. */
const MOST_AT_A_TIME = 4;
const PATIENCE_MS = 60_000;

/** RFC 8460 §5.4: any answer but a successful one may be tried again. */
const STATUS: Readonly<Record<TakenResult, number>> = {
  counted: 201,
  duplicate: 200,
  invalid: 400,
  foreign: 400,
  outOfRange: 400,
  tooLarge: 413,
  tooMany: 429,
};

export type ReportEndpoint = (request: ReportRequest) => Promise<ReportAnswer>;

export function createEndpoint({ intake, clock, onError }: EndpointDeps): ReportEndpoint {
  let underWay = 0;

  async function taken(body: AsyncIterable<Buffer>): Promise<ReportAnswer> {
    const bytes = await bounded(body, clock);
    if (!Buffer.isBuffer(bytes)) return bytes;
    try {
      const { result, text } = await intake.take(async () => bytes, 'https');
      return { status: STATUS[result], text };
    } catch (error) {
      onError(error);
      return { status: 503, text: 'it could not be kept, try again later' };
    }
  }

  return async ({ method, contentType, body }) => {
    if (method !== 'POST') return { status: 405, text: 'POST a report' };
    const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (!REPORT_TYPES.has(type) && !OTHER_TYPES.has(type)) {
      return { status: 415, text: 'send application/tlsrpt+gzip or application/tlsrpt+json' };
    }
    if (underWay >= MOST_AT_A_TIME) return { status: 503, text: 'too many reports at a time' };
    underWay += 1;
    try {
      return await taken(body);
    } finally {
      underWay -= 1;
    }
  };
}

/** The whole body, or why it can't be had. */
async function bounded(body: AsyncIterable<Buffer>, clock: Clock): Promise<Buffer | ReportAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  let isLate = false;
  // Not by `for await`: leaving that would destroy the stream, and with it the connection that the answer goes to.
  const chunksOfBody = body[Symbol.asyncIterator]();
  const read = async (): Promise<void> => {
    for (let next = await chunksOfBody.next(); !next.done && !isLate; next = await chunksOfBody.next()) {
      size += next.value.length;
      if (size > LARGEST_REPORT) return;
      chunks.push(next.value);
    }
  };
  const reading = read();
  try {
    if (!(await within(clock, PATIENCE_MS, reading))) {
      isLate = true;
      reading.catch(() => {});
      return { status: 408, text: 'the report was not sent in time' };
    }
  } catch {
    return { status: 400, text: 'the report broke off' };
  }
  if (size > LARGEST_REPORT) return { status: 413, text: `it is of more than ${LARGEST_REPORT} bytes` };
  return Buffer.concat(chunks);
}
