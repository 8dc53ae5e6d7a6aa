/**
 * The certificates of one fleet, kept in two Secrets: its authorities, for the operator alone, and what the pods show each other. Both are
 * written only when something is due.
 */

import { memberHost, operatorHost } from '../../mta/fleet/hosts.ts';
import type { Random } from '../../mta/random.ts';
import { type Decision, decide, isStale, issue, type Pem } from '../certificates/authorities.ts';
import { decoded, encoded } from '../kube/secret-data.ts';
import type { Secret } from '../kube/types.ts';
import { identities } from '../objects/config.ts';
import { type Fleet, metadataToKeep, names } from '../objects/fleet.ts';
import type { ClientIdentity } from '../pods/control-client.ts';
import type { SecretObject } from './watched.ts';

export interface Credentials {
  /** To be applied, in this order. */
  readonly secrets: readonly Secret[];
  /** The operator's own, for as long as it runs. */
  readonly operator: ClientIdentity;
  /** When to look again, in ms since the epoch. */
  readonly next: number;
}

export interface Held {
  /** As they are stored; undefined where there is none. */
  readonly authority: SecretObject | undefined;
  readonly identities: SecretObject | undefined;
  /** The operator's own, if it has one. */
  readonly operator: ClientIdentity | undefined;
}

/** A certificate that grows old is seen to within a day, also where nothing else happens. */
const LOOK_MS = 86_400_000;

/** @param members names of the pods that there are or may soon be */
export function credentialsOf(
  fleet: Fleet,
  members: readonly string[],
  held: Held,
  now: number,
  random: Random,
): Credentials {
  const name = `fleet ${fleet.name} in ${fleet.namespace}`;
  const decision = decide(authoritiesIn(held.authority), name, now, random);
  const { signer } = decision;
  const authority = decision.authorities.map(({ certificate }) => certificate).join('');
  const shown = new Map(
    members.map((member) => {
      const host = memberHost(member, fleet);
      const before = pairIn(held.identities, member);
      const isGood = before !== undefined && !isStale(before.certificate, host, signer, now);
      return [member, isGood ? before : issue(host, signer, now, random)] as const;
    }),
  );
  return {
    secrets: [authoritySecret(fleet, decision), identities(fleet, shown, authority)],
    operator: operatorOf(fleet, held.operator, decision, authority, now, random),
    next: Math.min(decision.next, now + LOOK_MS),
  };
}

function operatorOf(
  fleet: Fleet,
  before: ClientIdentity | undefined,
  { signer }: Decision,
  authority: string,
  now: number,
  random: Random,
): ClientIdentity {
  const host = operatorHost('operator', fleet);
  const isGood = before !== undefined && !isStale(before.certificate, host, signer, now);
  if (isGood && before.authority === authority) return before;
  return { ...(isGood ? before : issue(host, signer, now, random)), authority };
}

/** Not owned by the MTA: it is the last to go. */
function authoritySecret(fleet: Fleet, { authorities }: Decision): Secret {
  const data = authorities.flatMap(({ certificate, key }, i) => [
    [`${i}.crt`, certificate] as const,
    [`${i}.key`, key] as const,
  ]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadataToKeep(fleet, names.authority(fleet)),
    type: 'Opaque',
    data: encoded(Object.fromEntries(data)),
  };
}

function authoritiesIn(secret: SecretObject | undefined): Pem[] {
  const found: Pem[] = [];
  for (;;) {
    const pem = pairIn(secret, String(found.length));
    if (pem === undefined) return found;
    found.push(pem);
  }
}

function pairIn(secret: SecretObject | undefined, name: string): Pem | undefined {
  const [certificate, key] = ['crt', 'key'].map((kind) => secret?.data?.[`${name}.${kind}`]);
  return certificate === undefined || key === undefined ? undefined : decoded({ certificate, key });
}
