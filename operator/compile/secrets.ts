/** Secrets that resources name: found, checked for what they are used for, and collected for the config. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { reasons } from '../../crds/conditions.ts';
import { signingKeys } from '../../mta/signing-keys.ts';
import type { Report } from './report.ts';
import type { ObjectRef, SecretValues } from './types.ts';

/** A value of a Secret, and the field that names it. */
export interface SecretUse {
  readonly resource: ObjectRef;
  /** Of the Secret, where it is not the resource's own. */
  readonly namespace?: string;
  readonly name: string;
  readonly key: string;
  readonly path: string;
  /** What to put there: `the password of the relay`. */
  readonly what: string;
}

export class Secrets {
  readonly #secrets: ReadonlyMap<string, SecretValues>;
  readonly #report: Report;
  readonly #used = new Map<string, string>();

  constructor(secrets: readonly SecretValues[], report: Report) {
    this.#secrets = new Map(secrets.map((secret) => [`${secret.namespace}/${secret.name}`, secret]));
    this.#report = report;
  }

  has(namespace: string, name: string): boolean {
    return this.#secrets.has(`${namespace}/${name}`);
  }

  /** The value; undefined after it was reported as missing. */
  find({ resource, namespace = resource.namespace, name, key, path, what }: SecretUse): string | undefined {
    const secret = this.#secrets.get(`${namespace}/${name}`)?.values;
    if (secret === undefined) {
      this.#report.unresolved(
        resource,
        reasons.SecretNotFound,
        `${path}: there is no Secret ${name} in namespace ${namespace}: make it, with ${what} in ${key}`,
        path,
      );
      return undefined;
    }
    const value = Object.hasOwn(secret, key) ? secret[key] : undefined;
    if (value === undefined) {
      const keys = Object.keys(secret).toSorted().join(', ') || 'none';
      this.#report.unresolved(
        resource,
        reasons.SecretKeyNotFound,
        `${path}: Secret ${name} has no key ${key} (it has: ${keys}): put ${what} there, or name the key that has it`,
        path,
      );
    }
    return value;
  }

  /** Whether it has a certificate for a host. */
  isFor(namespace: string, name: string, host: string): boolean {
    return this.#once(
      { resource: { namespace }, name },
      `host ${host}`,
      ({ 'tls.crt': pem = '' }) =>
        isCertificates(pem) && new X509Certificate(pem).checkHost(host) !== undefined,
    );
  }

  /** Of all of its values together; undefined where there is no such Secret, or nobody counts. */
  versionOf(namespace: string, name: string): string | undefined {
    return this.#secrets.get(`${namespace}/${name}`)?.version;
  }

  /** A password as people leave it in a file: the newline at its end is not a part of it. */
  findPassword(use: SecretUse): string | undefined {
    const password = this.find(use)?.replace(/\r?\n$/, '');
    if (password === '' || password?.match(/[\0\r\n]/)) {
      return this.#invalid(use, 'is empty or has a line break inside: write a password of one line');
    }
    return password;
  }

  /** Keys that requests are signed with, as they are written. */
  findSigningKeys(use: SecretUse): string | undefined {
    const text = this.find(use);
    if (text === undefined || signingKeys(text) !== undefined) return text;
    return this.#invalid(
      use,
      'is no key: write whsec_ and 24 to 64 random bytes in base64, or several of them, one on each line',
    );
  }

  /** PEM of one certificate or more. */
  findCertificates(use: SecretUse): string | undefined {
    const pem = this.find(use);
    if (pem === undefined) return undefined;
    const isGood = this.#once(use, `certificates ${use.key}`, () => isCertificates(pem));
    return isGood ? pem : this.#invalid(use, 'is not PEM that begins with a certificate');
  }

  /** PEM of chain and key that belong together. */
  findKeyPair(chain: SecretUse, key: SecretUse): { chain: string; key: string } | undefined {
    const chainPem = this.findCertificates(chain);
    const keyPem = this.find(key);
    if (chainPem === undefined || keyPem === undefined) return undefined;
    const wrong = this.#once(key, `pair ${chain.key} ${key.key}`, () =>
      whyNoPair(chainPem, keyPem, chain.key),
    );
    return wrong === undefined ? { chain: chainPem, key: keyPem } : this.#invalid(key, wrong);
  }

  /** Puts a value into the config under an id, and gives the id back. */
  use(id: string, value: string): string {
    this.#used.set(id, value);
    return id;
  }

  used(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#used].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  /** What is found out about a Secret: once, as long as it stays the same object. Of thousands one changes. */
  #once<T>(
    { resource, namespace = resource.namespace, name }: Pick<SecretUse, 'namespace' | 'name'> & Of,
    what: string,
    find: (values: SecretValues['values']) => T,
  ): T {
    const secret = this.#secrets.get(`${namespace}/${name}`);
    if (secret === undefined) return find({});
    const facts = known.get(secret) ?? new Map<string, unknown>();
    known.set(secret, facts);
    if (!facts.has(what)) facts.set(what, find(secret.values));
    return facts.get(what) as T;
  }

  #invalid({ resource, name, key, path }: SecretUse, problem: string): undefined {
    this.#report.unresolved(
      resource,
      reasons.SecretInvalid,
      `${path}: what Secret ${name} has in ${key} ${problem}`,
      path,
    );
    return undefined;
  }
}

type Of = { readonly resource: Pick<ObjectRef, 'namespace'> };
const known = new WeakMap<SecretValues, Map<string, unknown>>();

/** Undefined where they belong together. */
function whyNoPair(chain: string, key: string, chainKey: string): string | undefined {
  try {
    if (!new X509Certificate(chain).checkPrivateKey(createPrivateKey(key))) {
      return `is not the key of the first certificate in ${chainKey}`;
    }
  } catch {
    return 'is not a private key in PEM without a passphrase';
  }
  try {
    // A certificate further down, or a key that is too small: no handshake would come of it.
    createSecureContext({ cert: chain, key });
    return undefined;
  } catch (error) {
    return `can not be used for TLS with ${chainKey}: ${(error as Error).message}`;
  }
}

function isCertificates(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

export const secretId = (namespace: string, name: string, key: string): string =>
  `Secret/${namespace}/${name}/${key}`;
