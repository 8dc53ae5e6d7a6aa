/** As whom we greet next hops: the fleet, or each pod by a name of its own. Pure. */
import type { MtaConfig } from './config.ts';

type Names = Pick<MtaConfig, 'fleet' | 'egress'>;

/** @param member name of this pod among the members of its fleet */
export function heloName({ fleet, egress }: Names, member: string): string {
  const ordinal = /\d+$/.exec(member)?.[0] ?? '0';
  return egress.hostname?.replaceAll('{pod}', member).replaceAll('{ordinal}', ordinal) ?? fleet.hostname;
}

/** Whether a name, in lower case, is that of any pod of the fleet. */
export function isHeloName({ fleet, egress }: Names, name: string): boolean {
  if (egress.hostname === undefined) return name === fleet.hostname;
  const pattern = egress.hostname
    .replaceAll(/[^a-z0-9{}]/g, '\\$&')
    .replaceAll('{pod}', '[a-z0-9-]+')
    .replaceAll('{ordinal}', '[0-9]+');
  return new RegExp(`^${pattern}$`).test(name);
}
