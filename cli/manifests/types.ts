/** Manifests as they stand in files: what compile needs, and where each field was written. */
import type { Manifest, ObjectRef, SecretValues } from '../../operator/compile/types.ts';

export interface SourceFile {
  /** As it is to be shown to a person. */
  readonly path: string;
  readonly text: string;
}

/** Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type ProblemReason =
  /** A file or folder that can't be read. */
  | 'Unreadable'
  | 'InvalidYAML'
  /** Not a Kubernetes object, or metadata that is none. */
  | 'InvalidObject'
  /** A kind or a version of our group that there is none of. */
  | 'UnknownKind'
  | 'Duplicate';

/** What is wrong with a file before anything is compiled. While there is one, the folder as a whole isn't used. */
export interface Problem {
  readonly place: Place;
  readonly reason: ProblemReason;
  readonly message: string;
}

/** An object that is left alone, and why. */
export interface Ignored {
  readonly place: Place;
  readonly resource: ObjectRef;
}

export interface Manifests {
  /** Ours, each with its namespace. */
  readonly manifests: readonly Manifest[];
  readonly secrets: readonly SecretValues[];
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly problems: readonly Problem[];
  readonly ignored: readonly Ignored[];
  /** Where a resource, or a field of it (`spec.listeners[0].port`), was written. */
  place(resource: ObjectRef, path?: string): Place | undefined;
}
