/**
 * YAML or JSON text to objects with their positions. Several documents in a file, and Lists, are taken apart. Pure;
 * what can't be read becomes a problem with its place, and the rest of the file's documents are still given.
 */
import { type Document, isMap, isScalar, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';
import { GROUP } from '../../crds/kind.ts';
import { lineAndColumn, offsetOf } from './locate.ts';
import type { Place, Problem, SourceFile } from './types.ts';

/** One object of a file: its value, and its node for places. */
export interface FileObject {
  readonly value: Readonly<Record<string, unknown>>;
  place(segments?: readonly (string | number)[]): Place;
}

// Kubernetes reads YAML 1.1: these plain words are booleans there, these numbers octal.
const ambiguous = /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|[-+]?0[0-7]+)$/;

export function parseFile(file: SourceFile): { objects: FileObject[]; problems: Problem[] } {
  const lines = new LineCounter();
  const at = (offset: number): Place => ({ file: file.path, ...lineAndColumn(lines, offset) });
  const objects: FileObject[] = [];
  const problems: Problem[] = [];
  const problem = (offset: number, message: string) =>
    problems.push({ place: at(offset), reason: 'InvalidYAML', message });

  const documents = parseAllDocuments(file.text, { lineCounter: lines, merge: true, prettyErrors: false });
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const error of document.errors) problem(error.pos[0], oneLine(error.message));
    if (document.errors.length > 0) continue;
    const root: Node | null = document.contents;
    if (root === null || (isScalar(root) && root.value === null)) continue;
    if (!isMap(root)) {
      problem(
        root.range?.[0] ?? 0,
        'A Kubernetes object was expected here: a map with apiVersion, kind and metadata',
      );
      continue;
    }
    const value = plainValue(document, problem);
    if (value === undefined) continue;
    const before = problems.length;
    if (readsAsOurs(value['apiVersion']))
      visit(document, {
        Scalar(_, scalar) {
          if (scalar.type === 'PLAIN' && ambiguous.test(scalar.source ?? '')) {
            problem(
              scalar.range?.[0] ?? 0,
              `Kubernetes reads a plain ${scalar.source} as a boolean or an octal number: write true or false, or put it in quotes`,
            );
          }
        },
      });
    if (problems.length > before) continue;
    objects.push(...items(value, (segments) => at(offsetOf(root, segments))));
  }
  return { objects, problems };
}

function plainValue(
  document: Document,
  problem: (offset: number, message: string) => void,
): Record<string, unknown> | undefined {
  try {
    return document.toJS() as Record<string, unknown>;
  } catch (error) {
    // Aliases without an anchor, or so many that they are a bomb.
    problem(document.contents?.range?.[0] ?? 0, oneLine((error as Error).message));
    return undefined;
  }
}

/** An object is itself; a List is its items. */
function items(
  value: Record<string, unknown>,
  place: (segments: readonly (string | number)[]) => Place,
  prefix: readonly (string | number)[] = [],
): FileObject[] {
  const list = typeof value['kind'] === 'string' && value['kind'].endsWith('List') && value['items'];
  if (!Array.isArray(list)) {
    return [{ value, place: (segments = []) => place([...prefix, ...segments]) }];
  }
  return list.flatMap((item: unknown, index) =>
    items((item ?? {}) as Record<string, unknown>, place, [...prefix, 'items', index]),
  );
}

/** Whether we look into it: our kinds, and core/v1 for Secrets and Lists. What others write is theirs. */
const readsAsOurs = (apiVersion: unknown) =>
  apiVersion === 'v1' || (typeof apiVersion === 'string' && apiVersion.split('/')[0] === GROUP);

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();
