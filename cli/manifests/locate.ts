/** From a field's path to the line and column where it was written. Pure; a path that leads nowhere is its nearest parent. */
import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type ParsedNode } from 'yaml';

/** `spec.listeners[0].port`, `metadata.labels["a.b/c"]`. */
export function segmentsOf(path: string): (string | number)[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) =>
    index === undefined ? (quoted ?? name ?? '') : Number(index),
  );
}

/** Offset of the field in its text: of the value where that is a scalar, else of its key. */
export function offsetOf(root: Node, segments: readonly (string | number)[]): number {
  let node: unknown = root;
  let offset = startOf(root);
  for (const segment of segments) {
    if (isMap(node)) {
      const pair = node.items.find(
        ({ key }) => (isScalar(key) ? String(key.value) : key) === String(segment),
      );
      if (pair === undefined) break;
      node = pair.value;
      offset = startOf(isScalar(node) && node.range != null && node.source !== '' ? node : pair.key);
    } else if (isSeq(node) && typeof segment === 'number' && node.items[segment] !== undefined) {
      node = node.items[segment];
      offset = startOf(node);
    } else {
      break;
    }
    // What an alias stands for was written elsewhere; the mistake is shown where it is used.
    if (isAlias(node)) break;
  }
  return offset;
}

function startOf(node: unknown): number {
  return (node as ParsedNode | undefined)?.range?.[0] ?? 0;
}

export function lineAndColumn(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
