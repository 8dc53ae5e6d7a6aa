/** Gathers what compile has to say of each resource, and gives it back in one order, whatever was found first. */
import { type Reason, reasons } from '../../crds/conditions.ts';
import type { Diagnostic, ObjectRef } from './types.ts';

/** `MailDomain/mail/example.test`. */
export const idOf = (ref: ObjectRef): string => `${ref.kind}/${ref.namespace}/${ref.name}`;

export const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

export class Report {
  readonly #found: Diagnostic[] = [];
  readonly #refused = new Set<string>();
  readonly #unresolved = new Set<string>();

  /** Accepted=False: the resource is left out. */
  refuse(resource: ObjectRef, reason: Reason, message: string, path?: string): void {
    this.#refused.add(idOf(resource));
    this.#add({ resource, condition: 'Accepted', status: 'False', reason, message, path });
  }

  /** ResolvedRefs=False: something that the resource names is missing. */
  unresolved(resource: ObjectRef, reason: Reason, message: string, path?: string): void {
    this.#unresolved.add(idOf(resource));
    this.#add({ resource, condition: 'ResolvedRefs', status: 'False', reason, message, path });
  }

  isRefused(resource: ObjectRef): boolean {
    return this.#refused.has(idOf(resource));
  }

  isUnresolved(resource: ObjectRef): boolean {
    return this.#unresolved.has(idOf(resource));
  }

  /** Says what is good of a resource: to be called once nothing more can be found out about it. */
  settle(resource: ObjectRef, message: string): void {
    if (this.isRefused(resource)) return;
    this.#add({
      resource,
      condition: 'Accepted',
      status: 'True',
      reason: reasons.Accepted,
      message,
    });
    if (this.isUnresolved(resource)) return;
    this.#add({
      resource,
      condition: 'ResolvedRefs',
      status: 'True',
      reason: reasons.ResolvedRefs,
      message: 'Everything that is referred to was found',
    });
  }

  diagnostics(): readonly Diagnostic[] {
    return this.#found.toSorted(
      (one, other) =>
        compare(idOf(one.resource), idOf(other.resource)) ||
        compare(one.condition, other.condition) ||
        compare(one.path ?? '', other.path ?? '') ||
        compare(one.message, other.message),
    );
  }

  #add({ path, ...diagnostic }: Omit<Diagnostic, 'path'> & { path?: string | undefined }): void {
    this.#found.push(path === undefined ? diagnostic : { ...diagnostic, path });
  }
}
