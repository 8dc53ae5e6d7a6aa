/** What went wrong with a request to the API server. */

/**
 * The API server's refusal, as its Status object says it. `status` is the HTTP code; `reason` is a word such as
 * `NotFound`, `AlreadyExists`, `Conflict`, `Expired`, or empty where the answer was no Status (a proxy in between).
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  /** How long the server asks us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }

  /** @param text of the answer, a Status or whatever stood in its place */
  static from(status: number, text: string, retryAfter: string | undefined): ApiError {
    const said = statusIn(text);
    const message = said?.message ?? `the API server answered ${status}: ${text.slice(0, 200)}`;
    const seconds = Number(retryAfter);
    const wait = retryAfter !== undefined && seconds >= 0 ? seconds * 1000 : undefined;
    return new ApiError(status, said?.reason ?? '', message, wait);
  }
}

interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

function statusIn(text: string): Status | undefined {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === 'object' && said !== null ? said : undefined;
  } catch {
    return undefined;
  }
}

/** The object, or its namespace, doesn't exist. */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** The operator has no right to it, whether it is there or not. */
export const isForbidden = (error: unknown): boolean => error instanceof ApiError && error.status === 403;

/** Somebody else has changed, made or holds what was to be written: look again. */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;

/** A resource version, or a page of a list, is too old: list again. */
export const isGone = (error: unknown): boolean => error instanceof ApiError && error.status === 410;

const REFUSALS = new Set([400, 403, 404, 405, 413, 415, 422]);

/** The object itself is refused: by its schema, by admission, by a quota, by RBAC. The same again would be, too. */
export const isRefusal = (error: unknown): error is ApiError =>
  error instanceof ApiError && (REFUSALS.has(error.status) || isWebhookDown(error) || isUntyped(error));

/** Admission asks somebody who doesn't answer: to the API server that is a fault of its own. */
export const isWebhookDown = ({ status, message }: ApiError): boolean =>
  status === 500 && message.includes('failed calling webhook');

/** What doesn't fit the schema of a built-in kind is a fault of the API server's own as well, to server-side apply. */
const isUntyped = ({ status, message }: ApiError): boolean =>
  status === 500 && /^failed to (create typed patch object|convert new object) /.test(message);
