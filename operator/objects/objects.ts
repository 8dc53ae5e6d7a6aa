/** Everything that a fleet is made of, but for its config and its credentials, in the order in which it is written. Pure. */

import type { PolicyCertificate } from '../compile/mta-sts.ts';
import type { KubeObject, ResourceType } from '../kube/resource.ts';
import {
  CERTIFICATES,
  DISRUPTION_BUDGETS,
  NETWORK_POLICIES,
  POD_MONITORS,
  PROMETHEUS_RULES,
  SERVICE_ACCOUNTS,
  SERVICES,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../kube/resources.ts';
import { certificates, policyCertificates } from './certificates.ts';
import type { Fleet, PodSettings } from './fleet.ts';
import { podMonitors, prometheusRules } from './monitoring.ts';
import { disruptionBudget, networkPolicy, serviceAccount } from './policies.ts';
import { mailServices, podsService } from './services.ts';
import { sharedVolume, statefulSet } from './stateful-set.ts';

export interface Desired {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

export interface Wanted {
  /** False where there is no config that could run, as something that the MTA names is missing. */
  readonly isWhole: boolean;
  /** How many pods there are to be now. */
  readonly replicas: number;
  /** Certificates for Policy Hosts of domains. */
  readonly certificates: readonly PolicyCertificate[];
}

/**
 * Before and after its config is written: what a pod needs to start comes before the pods. Where it isn't whole there is nothing but what
 * brings the missing part: a listener's certificate is issued before it can be in a config.
 */
export function objectsOf(
  fleet: Fleet,
  settings: PodSettings,
  { isWhole, replicas, certificates: wanted }: Wanted,
): { readonly before: readonly Desired[]; readonly after: readonly Desired[] } {
  const issued = desired(CERTIFICATES, [...certificates(fleet), ...policyCertificates(fleet, wanted)]);
  if (!isWhole) return { before: issued, after: [] };
  return {
    before: [
      ...issued,
      ...desired(SERVICE_ACCOUNTS, [serviceAccount(fleet)]),
      ...desired(NETWORK_POLICIES, [networkPolicy(fleet, settings)]),
      ...desired(DISRUPTION_BUDGETS, [disruptionBudget(fleet)]),
      ...desired(SERVICES, [podsService(fleet), ...mailServices(fleet)]),
    ],
    after: [
      ...desired(VOLUME_CLAIMS, fleet.spec.storage.mode === 'Shared' ? [sharedVolume(fleet)] : []),
      ...desired(STATEFUL_SETS, [statefulSet(fleet, settings, replicas)]),
      ...desired(POD_MONITORS, podMonitors(fleet)),
      ...desired(PROMETHEUS_RULES, prometheusRules(fleet)),
    ],
  };
}

const desired = (type: ResourceType, objects: readonly unknown[]): Desired[] =>
  objects.map((object) => ({ type, object: object as KubeObject }));
