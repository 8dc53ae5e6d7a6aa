/** Temporary folders, removed when the process that asked for them exits. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];
process.on('exit', () => {
  if (process.env['POSTRIDER_KEEP'] !== undefined) return;
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A new folder below `parent`; kept where POSTRIDER_KEEP is set. */
export function temporaryFolder(purpose: string, parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, `postrider-${purpose}-`));
  made.push(folder);
  return folder;
}
