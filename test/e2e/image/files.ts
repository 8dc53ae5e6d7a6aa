/** What stands in for the base of the product's image, where no registry can be reached: this machine's Node with its libraries. */
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { POD_USER } from '../../../operator/objects/fleet.ts';
import { runOk } from '../../support/processes.ts';

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
