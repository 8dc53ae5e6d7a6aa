/**
 * Calls between supervisor and worker over a process channel: a request has a number, its answer bears the same one.
 * A `PostriderError` arrives as what it was; any other error as an `Error` with the same message.
 * When the channel closes, every call that still waits rejects.
 */
import { type ErrorCode, PostriderError } from '../errors.ts';

/** What a process channel can do: `process` in a worker, a `ChildProcess` in the supervisor. */
export interface Channel {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  onClose(listener: () => void): void;
}

// biome-ignore lint/suspicious/noExplicitAny: any arguments and any result is what a table of functions means
export type Methods = Record<string, (...args: any[]) => Promise<unknown>>;

type Message =
  | { readonly kind: 'call'; readonly number: number; readonly method: string; readonly args: unknown[] }
  | { readonly kind: 'result'; readonly number: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly number: number; readonly error: WireError };

interface WireError {
  readonly message: string;
  readonly code?: ErrorCode;
  readonly hint?: string;
}

/** Answers the other side's calls with `methods`. */
export function serve(channel: Channel, methods: Methods): void {
  channel.onMessage((raw) => {
    const message = raw as Message;
    if (message.kind !== 'call') return;
    const { number, method } = message;
    const run = methods[method];
    const answer =
      run === undefined ? Promise.reject(new Error(`no method ${method}`)) : run(...message.args);
    answer.then(
      (result) => channel.send({ kind: 'result', number, result }),
      (error: unknown) => channel.send({ kind: 'error', number, error: toWire(error) }),
    );
  });
}

/** The other side's methods. */
export function remote<M extends Methods>(channel: Channel): M {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  let closed = false;
  channel.onMessage((raw) => {
    const message = raw as Message;
    if (message.kind === 'call') return;
    const call = waiting.get(message.number);
    waiting.delete(message.number);
    if (message.kind === 'result') call?.resolve(message.result);
    else call?.reject(fromWire(message.error));
  });
  channel.onClose(() => {
    closed = true;
    for (const call of waiting.values()) call.reject(new Error('the process has ended'));
    waiting.clear();
  });
  const call =
    (method: string) =>
    (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(new Error('the process has ended'));
          return;
        }
        last += 1;
        waiting.set(last, { resolve, reject });
        channel.send({ kind: 'call', number: last, method, args });
      });
  return new Proxy({} as M, { get: (_target, method) => call(String(method)) });
}

function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { message: String(error) };
  if (!(error instanceof PostriderError)) return { message: error.message };
  return {
    message: error.message,
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

function fromWire({ message, code, hint }: WireError): Error {
  if (code === undefined) return new Error(message);
  return new PostriderError(code, message, hint === undefined ? {} : { hint });
}
