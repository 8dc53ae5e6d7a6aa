/** What is known of a fleet, for those who write statuses. */
import type { Tlsa } from '../compile/key-rollover.ts';
import type { Diagnostic } from '../compile/types.ts';
import type { LifeState } from '../life/state.ts';
import type { FleetQueue } from '../status/fleet-queue.ts';
import type { Fragments } from '../status/fragments.ts';
import type { Trouble } from '../status/pod-trouble.ts';
import type { Records } from '../status/records.ts';
import type { TlsReports } from '../status/tls-reports.ts';
import type { PodObject } from './watched.ts';

export interface FleetState {
  /** Which spec of each resource it was looked at with. */
  readonly specs: ReadonlyMap<string, string>;
  /** By resource. */
  readonly findings: ReadonlyMap<string, readonly Diagnostic[]>;
  readonly fragments: Fragments;
  /** What each domain is to have in DNS, by the config that there is to be. */
  readonly records: Records;
  /** Lowest revision that serving pods have loaded; undefined where none serves. */
  readonly loaded: number | undefined;
  /** A serving pod has not been asked yet: what was found out before still holds, as far as is known. */
  readonly isAsking: boolean;
  readonly refusal: { readonly pod: string; readonly revision: number; readonly reason: string } | undefined;
  /** Undefined before it has been looked at. */
  readonly life: LifeState | undefined;
  /** All that there are. */
  readonly pods: readonly PodObject[];
  /** Objects of the fleet that could not be made. */
  readonly refused: readonly Trouble[];
  /** Undefined while it is not known. */
  readonly queue: FleetQueue | undefined;
  /** Undefined while it is not known. */
  readonly tlsReports: TlsReports | undefined;
  /** Undefined where there is no config. */
  readonly tlsa: Tlsa | undefined;
}
