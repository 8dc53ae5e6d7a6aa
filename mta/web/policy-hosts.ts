/** The Policy Hosts of our domains: which certificate each has in a handshake, and which policy. Pure. */
import { type MtaConfig, type PublishedPolicy, policyHost } from '../config.ts';

export class PolicyHosts {
  readonly #published = new Map<string, PublishedPolicy>();
  readonly #secrets: MtaConfig['secrets'];

  constructor({ domains, secrets }: Pick<MtaConfig, 'domains' | 'secrets'>) {
    this.#secrets = secrets;
    for (const { domain, aliases, mtaSts } of domains) {
      if (mtaSts === undefined) continue;
      for (const name of [domain, ...aliases]) this.#published.set(policyHost(name), mtaSts);
    }
  }

  /** The policy of a host, whatever the case that it is written in; undefined where it is none of ours. */
  policy(host: string): string | undefined {
    return this.#published.get(host.toLowerCase())?.policy;
  }

  /** What a client is shown that asks for this host (SNI), PEM; undefined where it is none of ours. */
  pair(host: string): { readonly cert: string; readonly key: string } | undefined {
    const { certificate, key } = this.#published.get(host.toLowerCase()) ?? {};
    if (certificate === undefined || key === undefined) return undefined;
    return { cert: this.#secrets[certificate] ?? '', key: this.#secrets[key] ?? '' };
  }
}
