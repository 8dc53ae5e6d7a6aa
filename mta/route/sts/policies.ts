/**
 * The MTA-STS policies of domains that mail goes to: found, kept until they are over, and fetched anew long before (RFC 8461 §3
 * and §5.1). `policyOf` never rejects: who has no policy that can be had is sent mail as if there were no such thing. Where there is one
 * that still counts, no failure of DNS or HTTPS takes it away.
 */
import type { Clock } from '../../clock.ts';
import { around, type Random } from '../../random.ts';
import { decide, isCurrent, isDue, PAUSE_MS, REFRESH_MS, type Step } from './decide.ts';
import { StsFailure, type StsFault } from './failure.ts';
import type { StsMode, StsPolicy } from './policy.ts';
import { readRecords } from './record.ts';
import type { StsEntry, StsStore } from './store.ts';

/** What became of a fetch. */
export interface FetchEvent {
  readonly domain: string;
  /** `ok`, or what went wrong. */
  readonly result: 'ok' | StsFault;
  readonly why?: string;
  /** Mode of the policy that still counts after a failure; undefined where there is none. */
  readonly cached: StsMode | undefined;
  /** Whether it was for mail that domains hear of in reports (RFC 8460). */
  readonly isReported: boolean;
}

export interface PoliciesDeps {
  /** TXT records of a name, each one's strings put together; none where there is none, or nobody can say. */
  readonly texts: (name: string) => Promise<readonly string[]>;
  readonly fetch: (domain: string) => Promise<StsPolicy>;
  readonly store: StsStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFetch: (event: FetchEvent) => void;
}

/** What routing asks. */
export interface StsPolicies {
  /**
   * The policy to apply to mail for a domain, in A-labels and lower case; undefined where there is none, or none to apply.
   *
   * @param isReported whether a fetch that fails counts in reports of TLS
   */
  policyOf(domain: string, isReported?: boolean): Promise<StsPolicy | undefined>;
}

interface Slot {
  readonly domain: string;
  entry: StsEntry | undefined;
  /** Monotonic ms: when the volume was asked, and when a fetch has failed. */
  readAt: number;
  failedAt: number | undefined;
  fetching: Promise<void> | undefined;
  /** Of the fetch that is under way: whether any of those who wait for it has it reported. */
  isReported: boolean;
}

/** Another worker may have written since. */
const READ_AGAIN_MS = 60_000;
const SWEEP_MS = 3_600_000;
/** What nobody has sent mail to for longer is not fetched again. */
const UNUSED_MS = 31 * 86_400_000;
/** In memory: domains, and hosts that their policies name. */
const MOST = 10_000;
const MOST_HOSTS = 200_000;
// RFC 1035 §2.3.1, with the underscore of names that aren't hosts'.
const DOMAIN = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

export class KeptPolicies implements StsPolicies {
  readonly #deps: PoliciesDeps;
  /** The one that was asked for last stands last. */
  readonly #slots = new Map<string, Slot>();
  #hosts = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(deps: PoliciesDeps) {
    this.#deps = deps;
  }

  async policyOf(domain: string, isReported = false): Promise<StsPolicy | undefined> {
    if (!DOMAIN.test(domain)) return undefined;
    const id = await this.#published(domain);
    const slot = this.#slot(domain);
    await this.#look(slot, id);
    const step = this.#decide(slot, id);
    if (step.fetch === 'beside') void this.#renew(slot, id, isReported);
    let { applies } = step;
    if (step.fetch === 'first') {
      const before = slot.entry;
      await this.#renew(slot, id, isReported);
      // What has just come counts for this mail, even with a max_age of 0.
      applies ||= slot.entry !== before;
    }
    if (!applies || slot.entry === undefined) return undefined;
    this.#used(slot, slot.entry);
    const { policy } = slot.entry;
    return policy.mode === 'none' ? undefined : policy;
  }

  /** From now on, what is used is fetched once a day, whether or not there is mail just then (RFC 8461 §10.2). */
  start(): void {
    const { clock, random } = this.#deps;
    this.#cancel = clock.after(around(SWEEP_MS, random), () => {
      void this.sweep().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** One after the other. */
  async sweep(): Promise<void> {
    const { clock, store } = this.#deps;
    const kept = await store.sweep((entry) => !isCurrent(entry, clock.now()));
    for (const { domain, usedAt } of kept.filter((entry) => isDue(entry, clock.now()))) {
      if (this.#stopped) return;
      if (clock.now() - usedAt > UNUSED_MS) continue;
      const slot = this.#slot(domain);
      await this.#read(slot);
      // Another one may have been first.
      if (slot.entry === undefined || !isDue(slot.entry, clock.now()) || this.#isPausing(slot)) continue;
      await this.#renew(slot, await this.#published(domain), false);
    }
  }

  async #published(domain: string): Promise<string | undefined> {
    return readRecords(await this.#deps.texts(`_mta-sts.${domain}`));
  }

  #decide(slot: Slot, id: string | undefined): Step {
    return decide({ entry: slot.entry, id, now: this.#deps.clock.now(), isPausing: this.#isPausing(slot) });
  }

  #isPausing({ failedAt }: Slot): boolean {
    return failedAt !== undefined && this.#deps.clock.monotonic() - failedAt < PAUSE_MS;
  }

  /** Asks the volume where that may know more: before anything is fetched, and once a minute. */
  async #look(slot: Slot, id: string | undefined): Promise<void> {
    const isOld = this.#deps.clock.monotonic() - slot.readAt >= READ_AGAIN_MS;
    if (isOld || this.#decide(slot, id).fetch !== 'no') await this.#read(slot);
  }

  async #read(slot: Slot): Promise<void> {
    slot.readAt = this.#deps.clock.monotonic();
    const entry = await this.#deps.store.read(slot.domain);
    if (entry !== undefined && (slot.entry === undefined || entry.fetchedAt > slot.entry.fetchedAt)) {
      this.#keep(slot, entry);
    }
  }

  /** One fetch at a time for each domain; whoever needs it waits for it. */
  #renew(slot: Slot, id: string | undefined, isReported: boolean): Promise<void> {
    slot.isReported ||= isReported;
    slot.fetching ??= this.#fetch(slot, id).finally(() => {
      slot.fetching = undefined;
      slot.isReported = false;
    });
    return slot.fetching;
  }

  async #fetch(slot: Slot, id: string | undefined): Promise<void> {
    const { clock, store, onFetch } = this.#deps;
    const { domain } = slot;
    let policy: StsPolicy;
    try {
      policy = await this.#deps.fetch(domain);
    } catch (error) {
      slot.failedAt = clock.monotonic();
      const { entry } = slot;
      const cached = entry !== undefined && isCurrent(entry, clock.now()) ? entry.policy.mode : undefined;
      const result = error instanceof StsFailure ? error.fault : 'sts-policy-fetch-error';
      onFetch({ domain, result, why: (error as Error).message, cached, isReported: slot.isReported });
      return;
    }
    slot.failedAt = undefined;
    const now = clock.now();
    const { entry: before } = slot;
    // Where the TXT record is gone, the policy is still the one that it named.
    const entry: StsEntry = {
      ...{ domain, id: id ?? before?.id ?? '', fetchedAt: now, usedAt: before?.usedAt ?? now, policy },
    };
    this.#keep(slot, entry);
    onFetch({ domain, result: 'ok', cached: policy.mode, isReported: slot.isReported });
    await store.write(entry);
  }

  /** Written once a day: what has been used is fetched anew for a month. */
  #used(slot: Slot, entry: StsEntry): void {
    const now = this.#deps.clock.now();
    if (now - entry.usedAt < REFRESH_MS) return;
    slot.entry = { ...entry, usedAt: now };
    void this.#deps.store.write(slot.entry);
  }

  #slot(domain: string): Slot {
    const slot = this.#slots.get(domain) ?? {
      ...{ domain, entry: undefined, failedAt: undefined, fetching: undefined, isReported: false },
      readAt: Number.NEGATIVE_INFINITY,
    };
    this.#slots.delete(domain);
    this.#slots.set(domain, slot);
    this.#trim();
    return slot;
  }

  #keep(slot: Slot, entry: StsEntry): void {
    const isKept = this.#slots.get(slot.domain) === slot;
    if (isKept) this.#hosts += hostsOf(entry) - hostsOf(slot.entry);
    slot.entry = entry;
    if (isKept) this.#trim();
  }

  #trim(): void {
    for (const [domain, { entry }] of this.#slots) {
      if (this.#slots.size <= MOST && this.#hosts <= MOST_HOSTS) return;
      this.#slots.delete(domain);
      this.#hosts -= hostsOf(entry);
    }
  }
}

const hostsOf = (entry: StsEntry | undefined): number => entry?.policy.mx.length ?? 0;
