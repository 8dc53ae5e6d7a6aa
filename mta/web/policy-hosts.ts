/** The Policy Hosts of our domains: what each is known by in a handshake, and the policy that it has. Effects: none but keys being read. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { type MtaConfig, type PublishedPolicy, policyHost } from '../config.ts';
import { CIPHERS } from '../listen/tls-contexts.ts';

export class PolicyHosts {
  readonly #published = new Map<string, PublishedPolicy>();
  readonly #secrets: MtaConfig['secrets'];
  /** Made when the first client asks: of thousands of domains most are asked for once a day. */
  readonly #contexts = new Map<PublishedPolicy, SecureContext>();

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

  /** What a client is shown that asks for this host (SNI); undefined where it is none of ours. Throws where the key can't be used. */
  context(host: string): SecureContext | undefined {
    const published = this.#published.get(host.toLowerCase());
    if (published === undefined) return undefined;
    const made =
      this.#contexts.get(published) ??
      createSecureContext({
        cert: this.#secrets[published.certificate],
        key: this.#secrets[published.key],
        minVersion: 'TLSv1.2',
        ciphers: CIPHERS,
      });
    this.#contexts.set(published, made);
    return made;
  }
}
