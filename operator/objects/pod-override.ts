/**
 * An MTA's `podTemplate` over the template that the operator makes. What the fleet's promises hang on has to be in it as the operator
 * has it: that is looked at after the merge, so that it doesn't matter by which way it was changed. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PodOverride } from '../../crds/mta-pod.ts';
import type { Container, PodTemplate } from '../kube/types.ts';
import { MergeError, mergeTemplate } from './strategic-merge.ts';

export interface OverrideProblem {
  /** `spec.podTemplate.spec.serviceAccountName`. */
  readonly path: string;
  readonly message: string;
}

/** Name of the container that is ours. */
export const MTA_CONTAINER = 'mta';

/** Throws `MergeError`; whether it keeps the promises is `overrideProblems`' to say. */
export function withOverride(ours: PodTemplate, { metadata, spec }: PodOverride): PodTemplate {
  const said = Object.entries(metadata).filter(([, words]) => Object.keys(words).length > 0);
  return mergeTemplate(ours, { metadata: Object.fromEntries(said), spec }) as PodTemplate;
}

const mtaOf = (template: PodTemplate): Partial<Container> =>
  template.spec?.containers?.find(({ name }) => name === MTA_CONTAINER) ?? {};

/** Items of a list by one of their members, as far as ours has them: others are nobody's concern. */
const those = <T>(items: readonly T[] | undefined, ours: readonly T[] | undefined, key: keyof T): unknown =>
  ours?.map((mine) => items?.filter((item) => item[key] === mine[key]));

interface Guard {
  /** Below `spec.podTemplate`. */
  readonly path: string;
  /** What must be in the merged template as it is in ours. */
  readonly of: (template: PodTemplate, ours: PodTemplate) => unknown;
  /** Why, and what to do instead. */
  readonly instead: string;
}

const container = (member: string): string => `spec.containers[name=${MTA_CONTAINER}].${member}`;
const START = 'the mta would not find its config, its queue or itself: leave it out';

const guards: readonly Guard[] = [
  {
    path: 'metadata.labels',
    of: ({ metadata }, ours) =>
      Object.keys(ours.metadata?.labels ?? {}).map((name) => metadata?.labels?.[name]),
    instead: 'pods are found by these labels: choose other names for yours',
  },
  {
    path: 'metadata.annotations',
    of: ({ metadata }, ours) =>
      Object.keys(ours.metadata?.annotations ?? {}).map((name) => metadata?.annotations?.[name]),
    instead: 'what the operator writes down there is its own: choose other names for yours',
  },
  ...(['serviceAccountName', 'serviceAccount'] as const).map(
    (member): Guard => ({
      path: `spec.${member}`,
      of: ({ spec }) => spec?.[member],
      instead: 'pods run under an account of their own, which may do nothing: leave it out',
    }),
  ),
  {
    path: 'spec.automountServiceAccountToken',
    of: ({ spec }) => spec?.automountServiceAccountToken,
    instead: 'the mta never speaks with the API server, and has no token: leave it out',
  },
  {
    path: 'spec.restartPolicy',
    of: ({ spec }) => spec?.restartPolicy ?? 'Always',
    instead: 'a pod of a fleet is started again whenever it ends: leave it out',
  },
  {
    path: 'spec.volumes',
    of: ({ spec }) => spec?.volumes?.filter(({ name }) => ['config', 'identity', 'queue'].includes(name)),
    instead:
      'config, identity and queue are volumes of the operator: give yours other names, and see spec.storage',
  },
  { path: container('args'), of: (template) => mtaOf(template).args, instead: START },
  { path: container('command'), of: (template) => mtaOf(template).command, instead: START },
  {
    path: container('env'),
    of: (template, ours) => those(mtaOf(template).env, mtaOf(ours).env, 'name'),
    instead: START,
  },
  {
    path: container('volumeMounts'),
    of: (template, ours) => those(mtaOf(template).volumeMounts, mtaOf(ours).volumeMounts, 'mountPath'),
    instead: START,
  },
  {
    path: container('ports'),
    of: (template, ours) => those(mtaOf(template).ports, mtaOf(ours).ports, 'containerPort'),
    instead: 'Services, peers and the operator find the pods by these ports: change them in spec.listeners',
  },
  ...(['startupProbe', 'livenessProbe', 'readinessProbe'] as const).map(
    (probe): Guard => ({
      path: container(`${probe}.httpGet`),
      of: (template) => mtaOf(template)[probe]?.httpGet,
      instead:
        'only the mta knows whether it lives and may be sent mail: change the times of the probe alone',
    }),
  ),
];

/** What of an override can't be, in the order of the guards; nothing where all of it can. */
export function overrideProblems(ours: PodTemplate, override: PodOverride): OverrideProblem[] {
  let merged: PodTemplate;
  try {
    merged = withOverride(ours, override);
  } catch (error) {
    if (!(error instanceof MergeError)) throw error;
    return [problem(error.path, error.message)];
  }
  const broken = guards
    .filter(({ of }) => !isDeepStrictEqual(of(merged, ours), of(ours, ours)))
    .map(({ path, instead }) => problem(path, instead));
  return [...broken, ...graceProblems(ours, merged)];
}

/** Longer is nobody's harm. */
function graceProblems(ours: PodTemplate, merged: PodTemplate): OverrideProblem[] {
  const [least, given] = [ours, merged].map(({ spec }) => spec?.terminationGracePeriodSeconds ?? 30);
  if (given! >= least!) return [];
  return [
    problem(
      'spec.terminationGracePeriodSeconds',
      `a pod may need ${least} s to end without sending anything twice: make it longer, or set spec.drain.timeout`,
    ),
  ];
}

const problem = (path: string, message: string): OverrideProblem => {
  const full = path === '' ? 'spec.podTemplate' : `spec.podTemplate.${path}`;
  return { path: full, message: `${full}: ${message}` };
};
