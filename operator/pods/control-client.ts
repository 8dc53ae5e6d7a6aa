/**
 * The control port of a pod, by mTLS: the pod shows the certificate of the member that it is, and so can't answer for another one.
 * Rejects with `PodRefused` where the pod answers with a refusal, else with the connection's error.
 */
import { Agent, request } from 'node:https';
import type { Clock } from '../../mta/clock.ts';
import { type FleetName, memberHost } from '../../mta/fleet/hosts.ts';
import { withDeadline } from '../kube/deadline.ts';
import type { Claim } from '../life/plan.ts';
import type { PodQueue } from '../status/fleet-queue.ts';
import type { ReportedTls } from '../status/tls-reports.ts';

export interface PodAddress {
  /** Of the pod, and of the member. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** PEM. */
export interface ClientIdentity {
  readonly certificate: string;
  readonly key: string;
  /** All authorities of the fleet that are trusted. */
  readonly authority: string;
}

export class PodRefused extends Error {
  override readonly name = 'PodRefused';
  readonly status: number;
  /** Of the mta's catalogue (docs/errors.md). */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What a pod says of its config. */
export interface LoadedConfig {
  /** Lowest that its workers have loaded. */
  readonly revision: number;
  /** Of the config, where it has one. */
  readonly id?: string;
  /** Versions of a config that it can read. */
  readonly reads: readonly number[];
}

/** What a pod says of its leaving: of mta/control/drain-types.ts what is of use here. */
export type DrainAnswer =
  | { readonly state: 'notDraining' }
  | {
      readonly state: 'draining';
      readonly claim: Claim;
      readonly messages: number;
      readonly problems: readonly {
        readonly subject: string;
        readonly reason: string;
        readonly advice: string;
      }[];
      readonly left: readonly { readonly where: string; readonly what: string }[];
    }
  | { readonly state: 'drained'; readonly claim: Claim; readonly proof: { readonly digest: string } };

/** What it has in its queue. */
export interface ReportedQueue extends PodQueue {
  /** A worker has not answered: its share is missing. */
  readonly isPartial: boolean;
}

/** A config of thousands of domains takes a while to be read and compiled. */
const TIMEOUT_MS = 60_000;

export class ControlClient {
  readonly #fleet: FleetName;
  readonly #clock: Clock;
  readonly #agent: Agent;

  constructor(fleet: FleetName, { certificate, key, authority }: ClientIdentity, clock: Clock) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#agent = new Agent({
      ...{ cert: certificate, key, ca: authority, minVersion: 'TLSv1.3' },
      ...{ keepAlive: true, maxFreeSockets: 1, timeout: 30_000 },
    });
  }

  config(pod: PodAddress): Promise<LoadedConfig> {
    return this.#ask(pod, 'GET', '/v1/config') as Promise<LoadedConfig>;
  }

  /** @param document a config as JSON */
  load(pod: PodAddress, document: string): Promise<LoadedConfig> {
    return this.#ask(pod, 'PUT', '/v1/config', document) as Promise<LoadedConfig>;
  }

  drain(pod: PodAddress): Promise<DrainAnswer> {
    return this.#ask(pod, 'GET', '/v1/drain') as Promise<DrainAnswer>;
  }

  beginDrain(pod: PodAddress, claim: Claim): Promise<DrainAnswer> {
    return this.#ask(pod, 'POST', '/v1/drain', JSON.stringify({ claim })) as Promise<DrainAnswer>;
  }

  cancelDrain(pod: PodAddress): Promise<DrainAnswer> {
    return this.#ask(pod, 'DELETE', '/v1/drain') as Promise<DrainAnswer>;
  }

  queue(pod: PodAddress): Promise<ReportedQueue> {
    return this.#ask(pod, 'GET', '/v1/queue/totals') as Promise<ReportedQueue>;
  }

  /** Of the last seven days. */
  tlsReports(pod: PodAddress): Promise<ReportedTls> {
    return this.#ask(pod, 'GET', '/v1/tls-reports?days=7') as Promise<ReportedTls>;
  }

  /** Calls under way end with an error. */
  close(): void {
    this.#agent.destroy();
  }

  async #ask(
    { name, host, port }: PodAddress,
    method: string,
    path: string,
    body?: string,
  ): Promise<unknown> {
    const { status, text } = await withDeadline(
      this.#clock,
      TIMEOUT_MS,
      `pod ${name}`,
      (signal) =>
        new Promise<{ status: number; text: string }>((resolve, reject) => {
          const asked = request(
            {
              ...{ agent: this.#agent, host, port, servername: memberHost(name, this.#fleet), method, path },
              ...(body !== undefined && { headers: { 'content-type': 'application/json' } }),
              signal,
            },
            (response) => {
              const chunks: Buffer[] = [];
              response.on('data', (chunk: Buffer) => chunks.push(chunk));
              response.on('error', reject);
              response.on('end', () =>
                resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
              );
            },
          );
          asked.on('error', reject);
          asked.end(body);
        }),
    );
    if (status === 200) return JSON.parse(text) as unknown;
    throw refusalOf(status, text);
  }
}

/** RFC 9457 problem details, or whatever stood in their place. */
function refusalOf(status: number, text: string): PodRefused {
  try {
    const { code, detail, title, hint } = JSON.parse(text) as Readonly<Record<string, string | undefined>>;
    const what = detail ?? title ?? `it answered ${status}`;
    return new PodRefused(status, code ?? '', hint === undefined ? what : `${what}: ${hint}`);
  } catch {
    return new PodRefused(status, '', `it answered ${status}`);
  }
}
