/** What the fleet channel counts, as Prometheus text. docs/metrics.md explains each name. */
import { Counter, Gauge, Registry } from 'prom-client';

export interface FleetState {
  readonly members: readonly {
    readonly name: string;
    readonly live: boolean;
    readonly heardSecondsAgo: number | undefined;
  }[];
  readonly tokens: { readonly wanted: number; readonly granted: number };
}

export class FleetCounts {
  readonly #registry = new Registry();
  readonly #calls: Counter;
  readonly #members: Gauge;
  readonly #heard: Gauge;
  readonly #tokens: Gauge;

  constructor() {
    const registers = [this.#registry];
    this.#calls = new Counter({
      name: 'postrider_fleet_calls_total',
      help: 'Calls of other members',
      labelNames: ['result'],
      registers,
    });
    this.#members = new Gauge({
      name: 'postrider_fleet_members',
      help: 'Other members of the fleet',
      labelNames: ['state'],
      registers,
    });
    this.#heard = new Gauge({
      name: 'postrider_fleet_heard_seconds',
      help: 'Since each other member was heard',
      labelNames: ['member'],
      registers,
    });
    this.#tokens = new Gauge({
      name: 'postrider_fleet_tokens',
      help: 'Tokens of all budgets that are wanted, and that this pod may use',
      labelNames: ['state'],
      registers,
    });
  }

  called(answered: boolean): void {
    this.#calls.inc({ result: answered ? 'ok' : 'failed' });
  }

  text({ members, tokens }: FleetState): Promise<string> {
    const live = members.filter((member) => member.live).length;
    this.#members.set({ state: 'live' }, live);
    this.#members.set({ state: 'silent' }, members.length - live);
    this.#heard.reset();
    for (const { name, heardSecondsAgo } of members) {
      if (heardSecondsAgo !== undefined) this.#heard.set({ member: name }, heardSecondsAgo);
    }
    this.#tokens.set({ state: 'wanted' }, tokens.wanted);
    this.#tokens.set({ state: 'granted' }, tokens.granted);
    return this.#registry.metrics();
  }
}
