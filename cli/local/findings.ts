/** What is accepted and what is wrong in a folder of manifests, resource by resource, as lines and as JSON. Pure. */
import type { Diagnostic, ObjectRef } from '../../operator/compile/types.ts';
import { printable } from '../commands/table.ts';
import type { Place, ProblemReason } from '../manifests/types.ts';
import type { Project } from './project.ts';

export interface Fault {
  readonly place: Place | undefined;
  /** `spec.listeners[0].port`; absent for the whole resource or file. */
  readonly field: string | undefined;
  readonly reason: Diagnostic['reason'] | ProblemReason;
  readonly message: string;
}

export interface Finding {
  readonly resource: ObjectRef;
  readonly place: Place | undefined;
  /** `skipped`: nothing is said of it as long as the MTA itself is not accepted. */
  readonly state: 'accepted' | 'wrong' | 'ignored' | 'skipped';
  readonly faults: readonly Fault[];
}

export interface Findings {
  /** True while nothing at all is wrong. */
  readonly ok: boolean;
  /** Of files, before there are resources. */
  readonly problems: readonly Fault[];
  readonly resources: readonly Finding[];
}

/** @param tolerate reasons that are no faults, such as SecretNotFound where Secrets are kept elsewhere. */
export function findingsOf(
  { manifests, diagnostics, config }: Pick<Project, 'manifests' | 'diagnostics' | 'config'>,
  tolerate: ReadonlySet<string> = new Set(),
): Findings {
  const problems = manifests.problems.map(({ place, reason, message }) => ({
    place,
    field: undefined,
    reason,
    message,
  }));
  const resources = manifests.manifests.map(({ kind, metadata }): Finding => {
    const resource = { kind, namespace: metadata.namespace ?? '', name: metadata.name };
    const own = diagnostics.filter((diagnostic) => sameObject(diagnostic.resource, resource));
    const faults = own
      .filter(({ status, reason }) => status === 'False' && !tolerate.has(reason))
      .map(({ path, reason, message }) => ({
        place: manifests.place(resource, path),
        field: path,
        reason,
        // A status has no column for the field, so compile's messages begin with it; here it would be said twice.
        message:
          path !== undefined && message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message,
      }));
    return {
      resource,
      place: manifests.place(resource),
      // Compile is silent about what belongs to another fleet, and, without a fleet, about everything else.
      state:
        faults.length > 0
          ? 'wrong'
          : own.length > 0
            ? 'accepted'
            : config === undefined
              ? 'skipped'
              : 'ignored',
      faults,
    };
  });
  const ignored = manifests.ignored.map(
    ({ resource, place }): Finding => ({ resource, place, state: 'ignored', faults: [] }),
  );
  const ok = problems.length === 0 && resources.every(({ faults }) => faults.length === 0);
  return { ok, problems, resources: [...resources, ...ignored] };
}

const sameObject = (one: ObjectRef, other: ObjectRef) =>
  one.kind === other.kind && one.namespace === other.namespace && one.name === other.name;

export const placeText = (place: Place | undefined) =>
  place === undefined ? '' : `${place.file}:${place.line}:${place.column}`;

const nameText = ({ kind, namespace, name }: ObjectRef) =>
  `${kind}/${namespace === 'default' || namespace === '' ? '' : `${namespace}/`}${name}`;

/** For people: a line per resource, and what is wrong below it. */
export function findingLines({ problems, resources }: Findings): string[] {
  const width = resources.reduce((widest, { resource }) => Math.max(widest, nameText(resource).length), 0);
  return [
    ...problems.map(({ place, reason, message }) => `  wrong     ${placeText(place)}  ${reason}: ${message}`),
    ...resources.flatMap(({ resource, place, state, faults }) => [
      `  ${state.padEnd(8)}  ${nameText(resource).padEnd(width)}  ${placeText(place)}`,
      ...faults.map((fault) => `            ${faultText(fault)}`),
    ]),
  ].map(printable);
}

function faultText({ place, field, reason, message }: Fault): string {
  return `${placeText(place)}  ${field === undefined ? '' : `${field}: `}${reason}: ${message}`;
}

/** For pipelines and editors: one line per fault, `file:line:column: Kind/name: field: Reason: message`. */
export function faultLines({ problems, resources }: Findings): string[] {
  const line = (name: string | undefined, { place, field, reason, message }: Fault) =>
    [placeText(place), name, field, reason, message]
      .filter((part) => part !== undefined && part !== '')
      .join(': ');
  return [
    ...problems.map((fault) => line(undefined, fault)),
    ...resources.flatMap(({ resource, faults }) => faults.map((fault) => line(nameText(resource), fault))),
  ].map(printable);
}
