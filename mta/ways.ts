/** Whether a new config may send any mail another way than it was tried: a destination that is down is then asked at once. Pure. */
import type { MtaConfig } from './config.ts';

/** What the way of any mail may depend on. */
export function waysOf({ relays, tlsPolicies, egress, resolver, delivery, secrets }: MtaConfig): unknown {
  const passwords = relays.map(({ auth }) => auth && secrets[auth.password]);
  return [relays, passwords, tlsPolicies, egress, resolver, delivery];
}
