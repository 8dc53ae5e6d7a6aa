/** Errors of the control port: RFC 9457 problem details, with the code of the catalogue and what to do. */
import { STATUS_CODES } from 'node:http';
import { type ErrorCode, PostriderError } from '../errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export interface Problem {
  readonly type: 'about:blank';
  /** The status in words, as RFC 9457 §4.2.1 has it for `about:blank`. */
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** See docs/errors.md. */
  readonly code: ErrorCode;
  readonly hint?: string;
}

const statuses: Partial<Record<ErrorCode, number>> = {
  ConfigInvalid: 422,
  ConfigVersionUnsupported: 422,
  CertificateInvalid: 422,
  UsageError: 400,
  Unauthorized: 401,
  HostNotAllowed: 421,
  MemberRefused: 403,
  NoSuchMessage: 404,
  NoSuchResource: 404,
  // Somebody else owns the message now: asking again finds them
  LaneLost: 409,
  LaneGone: 410,
  MessageMoving: 409,
  TransferDamaged: 400,
  TransferOver: 409,
  MemberLive: 409,
};

/** What a client is told of `error`; what isn't ours to explain is `InternalError`, without its text. */
export function problemOf(error: unknown): Problem {
  const known = asPostriderError(error);
  const status = statuses[known.code] ?? 500;
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: known.message,
    code: known.code,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  };
}

function asPostriderError(error: unknown): PostriderError {
  if (error instanceof PostriderError) return error;
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  // What fastify itself refuses: broken JSON, a body that is too large, a wrong content type
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    return new PostriderError('UsageError', error.message, { hint: 'docs/control-api.md has the requests.' });
  }
  return new PostriderError('InternalError', 'The request failed by a fault of this program.', {
    hint: 'Its log says more; please report it.',
  });
}
