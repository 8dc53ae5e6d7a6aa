/**
 * Who may attach: the MTA's own namespace always, another one as far as an entry of `attachment` lets it. Resources
 * that name other fleets are left alone; one that names none that exists is told so.
 */
import { reasons } from '../../crds/conditions.ts';
import type { MailDomainSpec } from '../../crds/mail-domain.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { covers, domainName, domainOfAddress, domainPattern } from './names.ts';
import type { Resource, Resources } from './read.ts';
import type { Report } from './report.ts';
import type { KindName } from './specs.ts';
import type { CompileInput } from './types.ts';

type Grant = MtaSpec['attachment'][number];
type Labels = Readonly<Record<string, string>>;

export type AttachedKind = Exclude<KindName, 'MTA'>;

interface Attachable {
  readonly mtaRefs: readonly { readonly name: string; readonly namespace?: string | undefined }[];
}

export interface Attachment {
  /** The resources of a kind that are attached to the fleet. */
  of<S extends Attachable>(candidates: readonly Resource<S>[]): Resource<S>[];
  /** Whether a namespace was given a domain; the fleet's own was given all. */
  mayHave(namespace: string, domain: string): boolean;
}

export function attachment(
  mta: Resource<MtaSpec>,
  resources: Resources,
  namespaces: CompileInput['namespaces'],
  report: Report,
): Attachment {
  const grantsOf = (namespace: string, kind: AttachedKind): Grant[] =>
    mta.spec.attachment.filter(
      (grant) =>
        grant.kinds.includes(kind) &&
        selects(grant, namespace, Object.hasOwn(namespaces, namespace) ? namespaces[namespace]! : {}),
    );

  const isAttached = <S extends Attachable>({ ref, spec }: Resource<S>): boolean => {
    const wanted = spec.mtaRefs.map(({ name, namespace }) => ({
      kind: 'MTA',
      name,
      namespace: namespace ?? ref.namespace,
    }));
    const ours = ({ name, namespace }: { name: string; namespace: string }) =>
      name === mta.ref.name && namespace === mta.ref.namespace;
    if (!wanted.some(ours)) {
      if (!wanted.some((other) => resources.exists(other))) {
        const names = wanted.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
        report.refuse(
          ref,
          reasons.MTANotFound,
          `There is no MTA ${names}: make it, or name one that exists (${mta.ref.namespace}/${mta.ref.name})`,
          'spec.mtaRefs',
        );
      }
      return false;
    }
    if (ref.namespace === mta.ref.namespace) return true;
    const kind = ref.kind as AttachedKind;
    if (grantsOf(ref.namespace, kind).length > 0) return true;
    report.refuse(
      ref,
      reasons.NotAllowedByMTA,
      `${mta.id} lets no ${kind} of namespace ${ref.namespace} attach: add an entry to its spec.attachment`,
      'spec.mtaRefs',
    );
    return false;
  };

  checkPatterns(mta, report);
  const own = fleetNames(mta.spec);
  return {
    of: (candidates) => candidates.filter(isAttached),
    mayHave: (namespace, domain) =>
      namespace === mta.ref.namespace ||
      grantsOf(namespace, 'MailDomain').some(({ domains }) =>
        domains
          .map((pattern) => domainPattern(pattern) ?? '')
          .some((pattern) => pattern === domain || (covers(pattern, domain) && !own.has(domain))),
      ),
  };
}

/** Names under which the fleet itself gets mail, as postmaster and as the sender of reports: no wildcard gives them away. */
function fleetNames({ hostname, postmaster, listeners }: MtaSpec): ReadonlySet<string> {
  const names = [
    hostname,
    ...(postmaster === undefined ? [] : [domainOfAddress(postmaster)]),
    ...listeners.flatMap((listener) => listener.hostname ?? []),
  ];
  return new Set(names.flatMap((name) => domainName(name) ?? []));
}

function checkPatterns({ ref, spec }: Resource<MtaSpec>, report: Report): void {
  spec.attachment.forEach(({ domains }, grant) => {
    domains.forEach((pattern, index) => {
      if (domainPattern(pattern) !== undefined) return;
      const path = `spec.attachment[${grant}].domains[${index}]`;
      report.refuse(ref, reasons.Invalid, `${path}: ${pattern} is not a domain pattern`, path);
    });
  });
}

function selects({ namespaces: { names, selector } }: Grant, namespace: string, labels: Labels): boolean {
  if (names?.includes(namespace)) return true;
  if (selector === undefined) return false;
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labelOf(labels, key) === value) &&
    (selector.matchExpressions ?? []).every((expression) => meets(expression, labels))
  );
}

const labelOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

type Expression = NonNullable<NonNullable<Grant['namespaces']['selector']>['matchExpressions']>[number];

/** As Kubernetes has it: NotIn is also met by a namespace without the label. */
function meets({ key, operator, values }: Expression, labels: Labels): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** The names of a domain, normalised, each with the path of its field; refused names are reported. */
export function domainNames(
  { ref, spec }: Resource<MailDomainSpec>,
  report: Report,
): { readonly name: string; readonly path: string }[] {
  const written = [
    { text: spec.domain, path: 'spec.domain' },
    ...spec.aliases.map((text, index) => ({ text, path: `spec.aliases[${index}]` })),
  ];
  const names: { name: string; path: string }[] = [];
  for (const { text, path } of written) {
    const name = domainName(text);
    if (name === undefined)
      report.refuse(ref, reasons.Invalid, `${path}: ${text} is not a domain name`, path);
    else if (names.some((other) => other.name === name)) {
      report.refuse(ref, reasons.Invalid, `${path}: ${name} stands in this resource already`, path);
    } else names.push({ name, path });
  }
  return names;
}
