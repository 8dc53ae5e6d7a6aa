/** The archives that a cluster of the tests starts with. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary } from '../../control-plane/support/binaries.ts';
import { temporaryFolder } from '../../support/folders.ts';
import type { ImageStore } from '../cluster/images.ts';
import { application, nodeRoot } from './files.ts';

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

/** Operator and mta, as this checkout has them. */
export async function productImage(store: ImageStore, folder: string): Promise<Archive> {
  const context = temporaryFolder('image');
  mkdirSync(join(context, 'app'));
  await nodeRoot(join(context, 'root'));
  application(join(context, 'app'));
  const file = join(import.meta.dirname, 'Containerfile');
  return save(store, folder, { context, file, image: 'localhost/postrider:test' });
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
