/**
 * What an image of the product is made of, where nothing can be downloaded: this machine's Node with the libraries that it
 * needs, and of the checkout what runs, with those dependencies that are not for development.
 */
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { POD_USER } from '../../../operator/objects/fleet.ts';
import { ROOT } from '../../support/mta.ts';
import { runOk } from '../../support/processes.ts';

/** Folders of the checkout that the operator and the mta are in. */
const PROGRAMS = ['crds', 'mta', 'operator'];

/** A root file system with Node, and nothing else that runs. */
export async function nodeRoot(root: string): Promise<void> {
  const put = (from: string, to: string) => {
    mkdirSync(join(root, dirname(to)), { recursive: true });
    copyFileSync(from, join(root, to));
  };
  put(process.execPath, 'usr/bin/node');
  const libraries = await runOk('ldd', [process.execPath]);
  for (const [, path] of libraries.matchAll(/(\/\S+) \(0x/g)) {
    // The loader's own path is written in the program; all others are looked for.
    put(path!, path!.startsWith('/lib64/') ? path! : `usr/lib/${basename(path!)}`);
  }
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), `postrider:x:${POD_USER}:${POD_USER}::/:/sbin/nologin\n`);
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
}

/** The checkout as it runs. */
export function application(app: string): void {
  cpSync(join(ROOT, 'package.json'), join(app, 'package.json'));
  for (const name of PROGRAMS) {
    cpSync(join(ROOT, name), join(app, name), {
      recursive: true,
      filter: (path) => !/\.test\.ts$|\/(testing|__golden__)$/.test(path),
    });
  }
  for (const folder of dependencies()) cpSync(join(ROOT, folder), join(app, folder), { recursive: true });
}

interface Locked {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
}

/** Folders of those packages that are needed when it runs. */
function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Locked;
  return Object.entries(packages)
    .filter(([folder, { dev, optional }]) => folder !== '' && dev !== true && optional !== true)
    .map(([folder]) => folder);
}
