/** The archives that a cluster of the tests starts with. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary } from '../../control-plane/support/binaries.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ROOT } from '../../support/mta.ts';
import { runOk } from '../../support/processes.ts';
import type { ImageStore } from '../cluster/images.ts';
import { nodeRoot } from './files.ts';

export interface Archive {
  readonly image: string;
  readonly archive: string;
}

/** It holds a pod's namespaces open. */
export async function pauseImage(store: ImageStore, folder: string): Promise<Archive> {
  const context = temporaryFolder('pause');
  const file = join(context, 'Containerfile');
  copyFileSync(binary('pause'), join(context, 'pause'));
  writeFileSync(file, 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n');
  return save(store, folder, { context, file, image: 'localhost/pause:1' });
}

/** Operator and mta by the Dockerfile, on a base that is made of this machine's Node. */
export async function productImage(store: ImageStore, folder: string): Promise<Archive> {
  const context = temporaryFolder('node');
  const file = join(context, 'Containerfile');
  await nodeRoot(join(context, 'root'));
  writeFileSync(file, 'FROM scratch\nCOPY root/ /\n');
  const base = 'localhost/node:24';
  await store.build({ context, file, image: base });
  await runOk('sh', [join(ROOT, 'scripts/image-files.sh')], { timeoutMs: 300_000 });
  return save(store, folder, {
    ...{ context: ROOT, file: join(ROOT, 'Dockerfile'), image: 'localhost/postrider:test' },
    arguments: { BASE: base },
  });
}

async function save(
  store: ImageStore,
  folder: string,
  build: Parameters<ImageStore['build']>[0],
): Promise<Archive> {
  const archive = join(folder, `${build.image.replaceAll(/[/:]/g, '-')}.tar`);
  await store.build(build);
  await store.save(build.image, archive);
  return { image: build.image, archive };
}
