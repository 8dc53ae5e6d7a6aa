/** The `VERSION` file of a queue's folder. Fails with `QueueVersionUnsupported`, `QueueUnwritable` or `QueueUnreachable`. */
import { dirname, join, resolve } from 'node:path';
import type { QueueConfig } from '../config.ts';
import { PostriderError } from '../errors.ts';
import type { Random } from '../random.ts';
import { type Disk, errorCode } from './disk.ts';
import { openFailure } from './failure.ts';
import { lanesPath, QUEUE_FORMAT, randomName, releasesPath } from './layout.ts';

const PREFIX = 'postrider queue ';

/**
 * Checks that the folder is a queue of a format that this program reads. Where it is none, it is made one, or waited
 * for: a volume that is not mounted shows an empty folder, and what went there would vanish below the mount.
 */
export async function openFolder(
  disk: Disk,
  random: Random,
  { path: root, initialize }: Pick<QueueConfig, 'path' | 'initialize'>,
): Promise<void> {
  const path = join(root, 'VERSION');
  try {
    const isQueue = await disk.exists(path);
    if (!isQueue) {
      if (!initialize) throw notThere(root);
      await makeWithParents(disk, resolve(root));
    }
    await disk.makeDirectory(lanesPath(root));
    await disk.makeDirectory(releasesPath(root));
    if (!isQueue) {
      await syncParents(disk, root);
      await writeVersion(disk, random, path);
    }
    // Whoever made it may have died before its sync; and a crash may have taken it, and have told another.
    await disk.syncDirectory(root);
    checkVersion(await readVersion(disk, path), path);
  } catch (error) {
    throw openFailure(`the queue's folder ${root} can't be used`, error);
  }
}

function notThere(root: string): PostriderError {
  return new PostriderError('QueueUnreachable', `there is no queue in ${root}`, {
    hint: 'Its volume may not be mounted: it is looked for until it is there. Set queue.initialize to make a new one.',
  });
}

async function makeWithParents(disk: Disk, path: string): Promise<void> {
  try {
    await disk.makeDirectory(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeWithParents(disk, dirname(path));
    await disk.makeDirectory(path);
  }
}

/** The folder's own name, and those above it, may have been made just now. */
async function syncParents(disk: Disk, root: string): Promise<void> {
  let path = resolve(root);
  while (dirname(path) !== path) {
    path = dirname(path);
    // What we may not open was there before us.
    await disk.syncDirectory(path).catch((error: unknown) => {
      if (!['EACCES', 'EPERM', 'EINVAL', 'EROFS'].includes(errorCode(error))) throw error;
    });
  }
}

/**
 * What the queue in a folder is known by; undefined where it was made before queues had an id. Rejects with
 * `QueueUnreachable` where there is no queue, `QueueVersionUnsupported`, or the disk's error.
 */
export async function queueIdOf(disk: Disk, root: string): Promise<string | undefined> {
  const path = join(root, 'VERSION');
  if (!(await disk.exists(path))) throw notThere(root);
  const text = await readVersion(disk, path);
  checkVersion(text, path);
  return /^id ([a-z2-7]+)$/m.exec(text)?.[1];
}

/** Whole or not at all, whoever else is doing the same. */
async function writeVersion(disk: Disk, random: Random, path: string): Promise<void> {
  const id = randomName(random, 40);
  const draft = `${path}.${id}`;
  const file = await disk.create(draft);
  try {
    await file.write([Buffer.from(`${PREFIX}${QUEUE_FORMAT}\nid ${id}\n`)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.link(draft, path).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  await disk.unlink(draft);
}

async function readVersion(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path);
  try {
    const bytes = Buffer.alloc(256);
    return bytes.toString('utf8', 0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

function checkVersion(text: string, path: string): void {
  const match = /^postrider queue (\d+)\n/.exec(text);
  const version = Number(match?.[1]);
  if (match && version <= QUEUE_FORMAT) return;
  throw new PostriderError(
    'QueueVersionUnsupported',
    match
      ? `the queue has format ${version}, this program reads up to ${QUEUE_FORMAT}`
      : `${path} is not a queue's VERSION file`,
    { hint: 'Start the version of postrider that wrote it, or name another folder.' },
  );
}
