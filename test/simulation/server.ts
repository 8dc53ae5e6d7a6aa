/**
 * The file server of a schedule: the one state of the volume that all nodes share. A crash loses and reorders what was
 * not synced. Nodes that live on are told, as they would have taken a later sync for a promise: a file that is gone is
 * stale, and the next sync of a folder that may have lost names fails.
 */
import { DirectoryNode, type FileNode, partsOf } from '../../mta/queue/testing/volume.ts';
import type { Dice } from './dice.ts';
import type { Loop } from './loop.ts';
import type { Plan } from './plan.ts';
import type { View } from './view.ts';

/** `nfs` lets clients cache as close-to-open allows; a `coherent` volume doesn't, and forgets in a crash all the same. */
export type Semantics = 'nfs' | 'coherent';

export class Server {
  readonly loop: Loop;
  readonly dice: Dice;
  readonly semantics: Semantics;
  /** Chance that a client goes by what it knows, where it may. */
  staleness: number;
  /** Whoever opens a file may see the size that a listing saw within the last second. */
  readonly oldSizes: boolean;
  root = new DirectoryNode();
  /** Bytes that may still be allocated. */
  room = Number.POSITIVE_INFINITY;
  /** Virtual time at which it answers again. */
  downUntil = 0;
  /** What each crash made of the files. */
  readonly crashes: Map<FileNode, FileNode>[] = [];

  constructor(
    loop: Loop,
    dice: Dice,
    { semantics, staleness, oldSizes }: Pick<Plan, 'semantics' | 'staleness' | 'oldSizes'>,
  ) {
    this.loop = loop;
    this.dice = dice;
    this.semantics = semantics;
    this.staleness = staleness;
    this.oldSizes = oldSizes;
  }

  crash(views: readonly View[]): void {
    const known = new Map<FileNode, FileNode>();
    const lost = unsyncedBelow(this.root, '');
    this.root = this.root.survivor(this.dice.fraction, known);
    this.crashes.push(known);
    for (const view of views) view.afterServerCrash(known, lost);
  }

  find(path: string): FileNode | DirectoryNode | undefined {
    let node: FileNode | DirectoryNode | undefined = this.root;
    for (const name of partsOf(path)) node = node?.kind === 'directory' ? node.names.get(name) : undefined;
    return node;
  }
}

/** Paths of the folders of which a crash may lose names. */
function unsyncedBelow(folder: DirectoryNode, path: string): string[] {
  const below = [...folder.names].flatMap(([name, node]) =>
    node.kind === 'directory' ? unsyncedBelow(node, `${path}/${name}`) : [],
  );
  return folder.hasUnsynced ? [path || '/', ...below] : below;
}
