/**
 * The manifest files of a folder. Names that begin with a dot are left out, so that an editor's files and mounted
 * ConfigMaps' bookkeeping don't count. Throws `PostriderError` ManifestInvalid where there is no such folder.
 */
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PostriderError } from '../../mta/errors.ts';
import type { Problem, SourceFile } from './types.ts';

const manifestName = /\.(?:ya?ml|json)$/i;

export interface FileStamp {
  readonly path: string;
  /** Changes whenever the file does. */
  readonly stamp: string;
}

/** All manifest files below `folder`, by name. */
export function listFiles(folder: string): FileStamp[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true, encoding: 'utf8' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PostriderError(
      'ManifestInvalid',
      code === 'ENOENT' ? `There is no folder ${folder}` : `Can't read the folder ${folder} (${code})`,
      { hint: 'Give a folder that holds manifests (*.yaml, *.yml, *.json)', cause: error },
    );
  }
  return entries
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory() && !entry.isSymbolicLink()) return listFiles(path);
      if (!manifestName.test(entry.name) || (stat !== undefined && !stat.isFile())) return [];
      return [{ path, stamp: stat === undefined ? 'gone' : `${stat.ino}:${stat.size}:${stat.mtimeMs}` }];
    });
}

/** Reads them all; what can't be read is a problem, not an error. */
export function readFiles(folder: string): { files: SourceFile[]; problems: Problem[] } {
  const files: SourceFile[] = [];
  const problems: Problem[] = [];
  for (const { path } of listFiles(folder)) {
    const place = { file: path, line: 1, column: 1 };
    try {
      files.push({ path, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const message =
        code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8 text' : `can't be read (${code})`;
      problems.push({ place, reason: 'Unreadable', message: `This file ${message}` });
    }
  }
  return { files, problems };
}
