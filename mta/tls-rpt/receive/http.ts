/**
 * The endpoint that reports are posted to (RFC 8460 §5.4), without the server that it is behind: one request is answered with a status
 * and a line for people. Never rejects, whatever the client does. Where it answers before the end of the body the rest is left unread:
 * the server closes the connection then.
 */
import type { Clock } from '../../clock.ts';
import { type BodyFault, BodyRefusal, readBody } from './body.ts';
import type { ReportIntake, TakenResult } from './intake.ts';
import { REPORT_TYPES } from './message.ts';
import { Slots } from './slots.ts';

export interface ReportRequest {
  readonly method: string;
  /** The address that it comes from; empty where nobody knows it. */
  readonly client: string;
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
/** Requests at a time, most of which wait for the rest of a body. */
const MOST_UNDER_WAY = 64;
const MOST_OF_ONE_CLIENT = 4;
/** Of these, those whose body is there: they take their turns. */
const MOST_WHOLE = 16;
/** Bytes: hardly any report is larger. What is beyond it of all bodies shares `MOST_OF_LARGE`, so that whoever sends large ones is in nobody's way. */
const LARGE = 256 * 1024;
const MOST_OF_LARGE = 32 * 1024 * 1024;
const BUSY: ReportAnswer = { status: 503, text: 'too many reports at a time' };

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
  noRoom: 503,
};

export type ReportEndpoint = (request: ReportRequest) => Promise<ReportAnswer>;

export function createEndpoint({ intake, clock, onError }: EndpointDeps): ReportEndpoint {
  const underWay = new Slots(MOST_UNDER_WAY, MOST_OF_ONE_CLIENT);
  let whole = 0;
  let room = MOST_OF_LARGE;

  async function taken(body: AsyncIterable<Buffer>): Promise<ReportAnswer> {
    let held = 0;
    const hold = (size: number): boolean => {
      const more = Math.max(0, size - LARGE) - held;
      if (more > room) return false;
      room -= more;
      held += more;
      return true;
    };
    try {
      return await counted(await readBody(body, clock, hold));
    } catch (error) {
      if (error instanceof BodyRefusal) return { status: BODY_STATUS[error.fault], text: error.message };
      onError(error);
      return { status: 503, text: 'it could not be kept, try again later' };
    } finally {
      room += held;
    }
  }

  async function counted(bytes: Buffer): Promise<ReportAnswer> {
    if (whole >= MOST_WHOLE) return BUSY;
    whole += 1;
    try {
      const { result, text } = await intake.take(async () => bytes, 'https');
      return { status: STATUS[result], text };
    } finally {
      whole -= 1;
    }
  }

  return async ({ method, client, contentType, body }) => {
    if (method !== 'POST') return { status: 405, text: 'POST a report' };
    const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (!REPORT_TYPES.has(type) && !OTHER_TYPES.has(type)) {
      return { status: 415, text: 'send application/tlsrpt+gzip or application/tlsrpt+json' };
    }
    const leave = underWay.enter(client);
    if (leave === undefined) return BUSY;
    try {
      return await taken(body);
    } finally {
      leave();
    }
  };
}
