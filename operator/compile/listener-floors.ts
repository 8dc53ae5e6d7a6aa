/** What MailTLSPolicies ask of the listeners that they name: no listener takes less, whatever it says itself. Of several the strictest counts. Pure. */
import { reasons } from '../../crds/conditions.ts';
import type { MailTlsPolicySpec } from '../../crds/mail-tls-policy.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import type { TlsPolicy } from '../../mta/config.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';

export interface ListenerFloor {
  /** Nothing is taken in clear text. */
  readonly required: boolean;
  readonly minVersion: TlsPolicy['minVersion'];
}

/** By name of the listener; none where nothing is asked. */
export type ListenerFloors = ReadonlyMap<string, ListenerFloor>;

/** @param policies those of the fleet's own namespace */
export function listenerFloors(
  mta: Resource<MtaSpec>,
  policies: readonly Resource<MailTlsPolicySpec>[],
  report: Report,
): ListenerFloors {
  const listeners = new Map(mta.spec.listeners.map((listener) => [listener.name, listener]));
  const floors = new Map<string, ListenerFloor>();
  for (const { ref, spec } of policies) {
    spec.listeners.forEach((name, index) => {
      const path = `spec.listeners[${index}]`;
      const mode = listeners.get(name)?.tls.mode;
      const isRequired = spec.mode === 'Required';
      if (mode === undefined) {
        const why = `${mta.id} has no listener ${name}: correct its name, or add the listener`;
        report.unresolved(ref, reasons.ListenerNotFound, `${path}: ${why}`, path);
      } else if (mode === 'None' && isRequired) {
        const why = `listener ${name} of ${mta.id} has tls.mode None, and goes on in clear text: set it to STARTTLS or Implicit`;
        report.unresolved(ref, reasons.ListenerWithoutTLS, `${path}: ${why}`, path);
      } else {
        const { required = false, minVersion = spec.minVersion } = floors.get(name) ?? {};
        floors.set(name, {
          required: required || isRequired,
          minVersion: minVersion > spec.minVersion ? minVersion : spec.minVersion,
        });
      }
    });
  }
  return floors;
}
