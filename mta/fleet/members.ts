/**
 * Who the other members are and where: as the config lists them, or found behind a DNS name, whose addresses say who
 * they are by their certificates. What can't be looked up or asked just now stays as it was.
 */
import type { Peers } from '../config.ts';
import type { Where } from './client.ts';
import type { MemberName } from './types.ts';

export interface MembersOptions {
  readonly self: MemberName;
  /** Addresses of a name. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  /** Who answers there, by its certificate. Rejects where nobody does. */
  readonly hello: (where: Where) => Promise<MemberName>;
}

/** A member that hasn't said its name yet counts all the same. */
const unnamed = (address: string) => `?${address}`;

export class Members {
  readonly #options: MembersOptions;
  #peers: Peers;
  /** Behind the DNS name: who was found at an address last. */
  #found = new Map<string, MemberName | undefined>();
  #lookedUp = false;

  constructor(peers: Peers, options: MembersOptions) {
    this.#peers = peers;
    this.#options = options;
  }

  set peers(peers: Peers) {
    this.#peers = peers;
  }

  /** False until it was found out for the first time who there is: one that can't look may not take itself to be alone. */
  get known(): boolean {
    return this.#lookedUp || this.#peers.members.source === 'list';
  }

  /** All of them, oneself too; of those that haven't been reached yet the address. */
  names(): MemberName[] {
    const { members } = this.#peers;
    const others =
      members.source === 'list'
        ? members.list.map(({ name }) => name)
        : [...this.#found].map(([address, name]) => name ?? unnamed(address));
    return [...new Set([this.#options.self, ...others])].sort();
  }

  where(name: MemberName): Where | undefined {
    const { members } = this.#peers;
    if (members.source === 'list') return members.list.find((member) => member.name === name);
    const found = [...this.#found].find(([, each]) => each === name);
    return found && { host: found[0], port: members.port };
  }

  /**
   * Looks the name up, and asks those who are new or not live: another one may have come to an address. Rejects where the
   * name can't be looked up.
   */
  async refresh(isLive: (name: MemberName) => boolean): Promise<void> {
    const { members } = this.#peers;
    if (members.source === 'list') return;
    const addresses = await this.#options.lookup(members.name);
    this.#found = new Map(addresses.map((address) => [address, this.#found.get(address)]));
    await Promise.all(
      addresses.map(async (address) => {
        const known = this.#found.get(address);
        if (known !== undefined && (known === this.#options.self || isLive(known))) return;
        const name = await this.#options.hello({ host: address, port: members.port }).catch(() => known);
        if (this.#found.has(address)) this.#found.set(address, name);
      }),
    );
    this.#lookedUp = true;
  }
}
