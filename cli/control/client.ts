/**
 * The control port of a running mta, for the commands. Rejects with `PostriderError`: ControlUnreachable where nobody
 * answers, ControlRefused with what the mta said, NoSuchMessage for 404.
 */
import { readFileSync } from 'node:fs';
import type { DrainStatus, GivenUp } from '../../mta/control/drain-types.ts';
import type { Problem } from '../../mta/control/problem.ts';
import type {
  ConfigStatus,
  MessageFilter,
  MessageSummary,
  QueueAction,
  QueueSummary,
} from '../../mta/control/types.ts';
import { PostriderError } from '../../mta/errors.ts';
import type { HistoryQuery, HistoryRecord } from '../../mta/log/types.ts';
import { causeOf, paths, secretFile } from '../local/state.ts';

/** Named ones, those that a filter finds, or, said on purpose, every one. */
export type Selection = { ids: readonly string[] } | Partial<MessageFilter> | { all: true };

export interface ControlClient {
  config(): Promise<ConfigStatus>;
  load(document: unknown): Promise<ConfigStatus>;
  queue(): Promise<QueueSummary>;
  messages(filter: Partial<MessageFilter>): Promise<readonly MessageSummary[]>;
  message(id: string): Promise<MessageSummary>;
  /** Headers first; the mta bounds it. */
  content(id: string): Promise<Buffer>;
  /** Resolves with the number of messages that were changed. */
  act(action: QueueAction, select: Selection): Promise<number>;
  history(query: Partial<HistoryQuery>): Promise<readonly HistoryRecord[]>;
  drain(): Promise<DrainStatus>;
  /** Begins, or goes on with what was begun. */
  startDrain(): Promise<DrainStatus>;
  cancelDrain(): Promise<DrainStatus>;
  giveUp(member: string): Promise<GivenUp>;
}

/** @param base `http://127.0.0.1:2580` */
export function controlClient(base: string, token: string): ControlClient {
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw new PostriderError(
        'ControlUnreachable',
        `Nobody answers at ${base} (${causeOf((error as Error).cause)})`,
        {
          hint: 'Is `postrider up` running on this state folder? Another one is named with --state DIR',
          cause: error,
        },
      );
    }
    if (response.ok) return response;
    throw await refusal(response, base);
  }
  const get = async <T>(path: string, query: object = {}) => {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]));
    return (await (await call('GET', given.length === 0 ? path : `${path}?${search}`)).json()) as T;
  };
  const ask = async <T>(method: string, path: string, body?: unknown) =>
    (await (await call(method, path, body)).json()) as T;
  const one = (id: string) => `/v1/messages/${encodeURIComponent(id)}`;

  return {
    config: () => get('/v1/config'),
    load: (document) => ask('PUT', '/v1/config', document),
    queue: () => get('/v1/queue'),
    messages: async (filter) => (await get<{ messages: MessageSummary[] }>('/v1/messages', filter)).messages,
    message: (id) => get(one(id)),
    content: async (id) => Buffer.from(await (await call('GET', `${one(id)}/content`)).arrayBuffer()),
    act: async (action, select) =>
      (await ask<{ changed: number }>('POST', `/v1/messages/${action}`, select)).changed,
    history: async (query) => (await get<{ records: HistoryRecord[] }>('/v1/history', query)).records,
    drain: () => get('/v1/drain'),
    startDrain: () => ask('POST', '/v1/drain'),
    cancelDrain: () => ask('DELETE', '/v1/drain'),
    giveUp: (member) => ask('POST', '/v1/drain/give-up', { member }),
  };
}

async function refusal(response: Response, base: string): Promise<PostriderError> {
  const text = await response.text();
  let said: Partial<Problem> = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // Not the mta's own words; the status line has to do.
  }
  const detail = said.detail ?? `${response.status} ${response.statusText}`;
  switch (said.code) {
    case 'NoSuchMessage':
      return new PostriderError('NoSuchMessage', detail, {
        hint: 'It may have left: `postrider history --id ID` knows what became of it',
      });
    case 'Unauthorized':
      return new PostriderError('ControlRefused', `The mta at ${base} refuses the token`, {
        hint: 'Does another `postrider up`, with another state folder, have this port?',
      });
    default:
      return new PostriderError('ControlRefused', detail, said.hint === undefined ? {} : { hint: said.hint });
  }
}

/** The mta that runs on a state folder. Throws `PostriderError` StateInvalid where none ever did. */
export function clientForState(folder: string): ControlClient {
  const files = paths(folder);
  let control: { address: string; port: number };
  try {
    control = (JSON.parse(readFileSync(files.config, 'utf8')) as { control: typeof control }).control;
  } catch (error) {
    throw new PostriderError('StateInvalid', `Can't read ${files.config} (${causeOf(error)})`, {
      hint: 'Start `postrider up` first, or name its state folder with --state DIR',
      cause: error,
    });
  }
  return controlClient(`http://${control.address}:${control.port}`, secretFile(files.token, 'control token'));
}
