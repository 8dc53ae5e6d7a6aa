/**
 * One of several: who holds the Lease works, the others wait. Times are our own: a holder is taken to be gone when its record has
 * not changed for the lease's term *by our monotonic clock*, so no two machines' clocks are compared. A holder that could not
 * renew for two thirds of a term stops first.
 *
 * That two lead for a moment can't be ruled out (a process may be paused after it looked at its clock): what a leader does must
 * be safe to do twice. Ours is: server-side apply of what both compute from the same objects.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { isConflict } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { Pause } from './pause.ts';
import { type KubeObject, microTime, type ObjectName } from './resource.ts';
import { LEASES } from './resources.ts';

export interface LeaderTimes {
  readonly termMs: number;
  readonly retryMs: number;
}

export const LEADER_TIMES: LeaderTimes = { termMs: 15_000, retryMs: 2000 };

export interface LeaderOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly lease: ObjectName;
  /** Of this process: no other's, ever. */
  readonly identity: string;
  readonly times?: LeaderTimes;
  /** The API server could not be asked, or refused: it is tried again. */
  readonly onFailure: (error: unknown) => void;
}

interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export class Leader {
  readonly #options: LeaderOptions;
  readonly #times: LeaderTimes;
  #seen: { readonly version: string | undefined; readonly at: number } | undefined;
  #holder = '';
  readonly #pause: Pause;
  #stopped = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    this.#times = options.times ?? LEADER_TIMES;
  }

  /** Who leads, as far as is known. */
  get holder(): string {
    return this.#holder;
  }

  /**
   * Waits until this process leads, and calls `lead`; resolves when that is over: when `stop` was called, or the lease was lost.
   * The signal tells `lead` to end, and it must before the promise that it gave resolves.
   */
  async run(lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (!this.#stopped && !(await this.#try())) await this.#wait(this.#times.retryMs);
    if (this.#stopped) return;
    const over = new AbortController();
    const work = lead(over.signal).finally(() => this.stop());
    // It is awaited below, after whatever ends it.
    work.catch(() => undefined);
    await this.#hold();
    over.abort(new Error('this process does not lead any more'));
    await work;
    await this.#release();
  }

  /** Ends the waiting, or the leading. */
  stop(): void {
    this.#stopped = true;
    this.#pause.close();
  }

  /** Renews until `stop`, or until it has failed for too long. */
  async #hold(): Promise<void> {
    const { clock } = this.#options;
    const { termMs, retryMs } = this.#times;
    let renewed = clock.monotonic();
    while (!this.#stopped) {
      await this.#wait(retryMs);
      if (this.#stopped) return;
      const began = clock.monotonic();
      const held = await Promise.race([this.#try(), this.#after(renewed + (termMs * 2) / 3 - began)]);
      if (held) renewed = began;
      else if (this.#holder !== this.#options.identity) return;
      else if (clock.monotonic() - renewed >= (termMs * 2) / 3) return;
    }
  }

  async #after(ms: number): Promise<false> {
    return new Promise((resolve) => void this.#options.clock.after(ms, () => resolve(false)));
  }

  /** Whether it is ours now. Never rejects. */
  async #try(): Promise<boolean> {
    const { client, lease, identity, onFailure } = this.#options;
    try {
      const found = await client.get<LeaseObject>(LEASES, lease);
      if (found === undefined) {
        await client.create(LEASES, this.#record(undefined));
      } else {
        this.#look(found);
        if (this.#holder !== identity && this.#holder !== '' && !this.#isOver(found)) return false;
        const written = await client.replace(LEASES, this.#record(found));
        this.#look(written);
      }
      this.#holder = identity;
      return true;
    } catch (error) {
      // Somebody else was first: the next look says who.
      if (!isConflict(error)) onFailure(error);
      return false;
    }
  }

  #look({ metadata: { resourceVersion }, spec }: LeaseObject): void {
    this.#holder = spec?.holderIdentity ?? '';
    if (this.#seen?.version === resourceVersion && this.#seen !== undefined) return;
    this.#seen = { version: resourceVersion, at: this.#options.clock.monotonic() };
  }

  #isOver({ spec }: LeaseObject): boolean {
    const term = (spec?.leaseDurationSeconds ?? this.#times.termMs / 1000) * 1000;
    return this.#options.clock.monotonic() - this.#seen!.at >= term;
  }

  #record(found: LeaseObject | undefined): LeaseObject {
    const { clock, lease, identity } = this.#options;
    const now = microTime(clock.now());
    const { holderIdentity, acquireTime = now, leaseTransitions = 0 } = found?.spec ?? {};
    const isNew = holderIdentity !== identity;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: found?.metadata ?? withoutUndefined(lease),
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#times.termMs / 1000),
        acquireTime: isNew ? now : acquireTime,
        renewTime: now,
        leaseTransitions: isNew && found !== undefined ? leaseTransitions + 1 : leaseTransitions,
      },
    };
  }

  /** So that nobody waits for the end of the term. */
  async #release(): Promise<void> {
    const { client, lease, identity, onFailure } = this.#options;
    try {
      const found = await client.get<LeaseObject>(LEASES, lease);
      if (found?.spec?.holderIdentity !== identity) return;
      await client.replace(LEASES, { ...found, spec: { ...found.spec, holderIdentity: '' } });
      this.#holder = '';
    } catch (error) {
      if (!isConflict(error)) onFailure(error);
    }
  }

  #wait(ms: number): Promise<void> {
    return this.#pause.for(ms * (0.9 + this.#options.random.fraction() / 5));
  }
}

const withoutUndefined = ({ namespace, name }: ObjectName) =>
  namespace === undefined ? { name } : { namespace, name };
