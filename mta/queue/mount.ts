/**
 * What the kernel says of the mount that holds the queue, and which of it a queue should not be kept on (docs/queue.md
 * says why, and what is needed). A mount can't prove that its file system keeps its promises; it can tell those that
 * don't make them. So this warns, and refuses nothing. Where nothing can be read, nothing is said.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Mount {
  /** As in proc_filesystems(5); of FUSE with its subtype, as in `fuse.glusterfs`. */
  readonly type: string;
  /** Of the mount and of the file system. */
  readonly options: readonly string[];
}

/** The mount that a path lies on, by the text of proc_pid_mountinfo(5). Pure. */
export function mountOf(mountinfo: string, path: string): Mount | undefined {
  let found: { mount: Mount; length: number } | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const [, , , , point, ofMount] = before?.split(' ') ?? [];
    const [type, , ofType] = after?.split(' ') ?? [];
    if (point === undefined || ofMount === undefined || type === undefined) continue;
    const at = unescaped(point);
    const holds = path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`);
    // What is mounted later covers what was there.
    if (!holds || (found !== undefined && at.length < found.length)) continue;
    const options = [...ofMount.split(','), ...(ofType?.split(',') ?? [])];
    found = { mount: { type, options }, length: at.length };
  }
  return found?.mount;
}

/** Spaces and the like are written in octal. */
const unescaped = (name: string): string =>
  name.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

interface Rule {
  readonly type: RegExp;
  /** One of these is set; any mount of the type where absent. */
  readonly options?: readonly string[];
  readonly concern: string;
}

const RULES: readonly Rule[] = [
  {
    type: /^nfs4?$/,
    options: ['soft', 'softerr'],
    concern: 'a call that times out fails, though the server may do it later: mount it with hard',
  },
  {
    type: /^nfs4?$/,
    options: ['nocto'],
    concern: 'other nodes may see old contents for a minute: mount it without nocto',
  },
  {
    type: /^ext[34]$/,
    options: ['nobarrier', 'barrier=0'],
    concern: 'a power failure may lose what was synced: mount it without nobarrier',
  },
  {
    type: /^(cifs|smb3)$/,
    concern:
      'SMB does not promise what the queue needs of renames, of open files that are removed, and of syncs',
  },
  { type: /^(tmpfs|ramfs)$/, concern: 'it is memory: mail is gone with the machine, or with the pod' },
  {
    type: /^overlay$/,
    concern: 'it is the layer of a container and not a volume: mail is gone with the container',
  },
  {
    type: /^fuse\.(s3fs|goofys|gcsfuse|blobfuse2?|rclone|sshfs|geesefs)$/,
    concern:
      'it makes files of objects, or copies them later: renames, appends and syncs are not what they seem',
  },
];

/** Why a queue should not be kept on this mount; empty where nothing speaks against it. Pure. */
export function concernsOf({ type, options }: Mount): string[] {
  return RULES.filter(
    (rule) =>
      rule.type.test(type) &&
      (rule.options === undefined || rule.options.some((option) => options.includes(option))),
  ).map(({ concern }) => concern);
}

/**
 * The mount of a folder, which may be yet to be made; undefined where that can't be known. It doesn't touch the folder:
 * a volume that does not answer would keep the process.
 */
export function readMount(folder: string): Mount | undefined {
  try {
    return mountOf(readFileSync('/proc/self/mountinfo', 'utf8'), resolve(folder));
  } catch {
    return undefined;
  }
}
