/**
 * The endpoint that reports are posted to (RFC 8460 §5.4), without the server that it is behind: one request is answered with a status
 * and a line for people. Never rejects, whatever the client does. Where it answers before the end of the body the rest is left unread:
 * the server closes the connection then.
 */
import type { Clock } from '../../clock.ts';
import { type BodyFault, BodyRefusal, readBody } from './body.ts';
import type { ReportIntake, TakenResult } from './intake.ts';
import { REPORT_TYPES } from './message.ts';

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
const BODY_STATUS: Readonly<Record<BodyFault, number>> = {
  late: 408,
  brokeOff: 400,
  tooLarge: 413,
  tooManyChunks: 400,
};

export type ReportEndpoint = (request: ReportRequest) => Promise<ReportAnswer>;

export function createEndpoint({ intake, clock, onError }: EndpointDeps): ReportEndpoint {
  let underWay = 0;

  async function taken(body: AsyncIterable<Buffer>): Promise<ReportAnswer> {
    try {
      const bytes = await readBody(body, clock);
      const { result, text } = await intake.take(async () => bytes, 'https');
      return { status: STATUS[result], text };
    } catch (error) {
      if (error instanceof BodyRefusal) return { status: BODY_STATUS[error.fault], text: error.message };
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
