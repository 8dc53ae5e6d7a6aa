/**
 * The listeners of one worker, as its config names them. A new config is taken as a whole or not at all: new ports are
 * bound and settings renewed first, old ports are given up last. Fails as a listener does, with `PortInUse`,
 * `CertificateInvalid` or `ConfigInvalid`; then everything is as it was.
 */
import type { Clock } from './clock.ts';
import type { Listener, MtaConfig } from './config.ts';
import {
  createListener,
  isSamePlace,
  type ListenerSettings,
  type RunningListener,
} from './listen/listener.ts';
import type { Acceptor } from './listen/types.ts';
import type { MailLog } from './log/types.ts';
import type { Random } from './random.ts';

export interface ListenersDeps {
  readonly acceptor: Acceptor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<MailLog, 'refused'>;
  /** As a listener has it. */
  readonly ticketSecret?: Uint8Array | undefined;
  readonly onDefect: (error: unknown) => void;
}

export class Listeners {
  readonly #deps: ListenersDeps;
  #running = new Map<string, RunningListener>();
  /** Listeners that accept no more, and still have sessions. */
  readonly #leaving = new Set<Promise<void>>();
  #config: MtaConfig | undefined;

  constructor(deps: ListenersDeps) {
    this.#deps = deps;
  }

  /** @param share this process's part of each listener's connections */
  async load(config: MtaConfig, share: number): Promise<void> {
    const old = this.#config;
    const running = new Map<string, RunningListener>();
    const started: RunningListener[] = [];
    const renewed: RunningListener[] = [];
    try {
      for (const listener of config.listeners) {
        if (this.#staying(listener) === undefined) {
          started.push(await this.#start(settingsOf(listener, config), share));
          running.set(listener.name, started.at(-1)!);
        }
      }
      for (const listener of config.listeners) {
        const staying = this.#staying(listener);
        if (staying === undefined) continue;
        renewed.push(staying);
        running.set(listener.name, staying);
        await staying.reload(settingsOf(listener, config));
      }
    } catch (error) {
      await Promise.all(started.map((listener) => listener.stop(0)));
      for (const listener of renewed) {
        const before = old?.listeners.find(({ name }) => name === listener.config.name);
        if (old !== undefined && before !== undefined) await listener.reload(settingsOf(before, old));
      }
      throw error;
    }
    const kept = new Set(running.values());
    const gone = [...this.#running.values()].filter((listener) => !kept.has(listener));
    this.#running = running;
    this.#config = config;
    // Their sessions may end in their own time: the load doesn't wait for them.
    for (const listener of gone) this.#leave(listener, config.drainSeconds);
  }

  /** Open sessions by listener. */
  sessions(): { listener: string; count: number }[] {
    return [...this.#running].map(([listener, { sessions }]) => ({ listener, count: sessions }));
  }

  /** Accepts no more; resolves when the last session has ended or been cut. */
  async stop(seconds: number): Promise<void> {
    for (const listener of this.#running.values()) this.#leave(listener, seconds);
    this.#running.clear();
    await Promise.all(this.#leaving);
  }

  /** The listener that goes on as this one, with new settings: one of the same name and place. */
  #staying(next: Listener): RunningListener | undefined {
    const running = this.#running.get(next.name);
    return running !== undefined && isSamePlace(running.config, next) ? running : undefined;
  }

  async #start(settings: ListenerSettings, connectionShare: number): Promise<RunningListener> {
    const { acceptor, clock, random, log, ticketSecret } = this.#deps;
    const deps = { acceptor, clock, random, log, connectionShare, ticketSecret };
    const listener = createListener(settings, deps);
    await listener.start();
    return listener;
  }

  #leave(listener: RunningListener, seconds: number): void {
    const left: Promise<void> = listener
      .stop(seconds)
      .catch(this.#deps.onDefect)
      .finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}

function settingsOf(listener: Listener, { fleet, secrets }: MtaConfig): ListenerSettings {
  return { config: listener, hostname: fleet.hostname, secrets };
}
