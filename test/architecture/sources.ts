/** The sources of the tree, as the architecture tests read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = new URL('../..', import.meta.url).pathname;

export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every file below the folders whose name ends so, generated and installed ones left out. */
export function sources(folders: readonly string[], ending: string): Source[] {
  return folders.flatMap((folder) => {
    let names: string[];
    try {
      names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
    } catch {
      return [];
    }
    return names
      .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
      .map((name) => ({ path: join(folder, name), text: readFileSync(join(ROOT, folder, name), 'utf8') }))
      .sort((a, b) => a.path.localeCompare(b.path));
  });
}

/** The text with its comments blanked out; lines stay in place. Quoted text is left, and may hold what looks like one. */
export function codeOf(text: string): string {
  const blank = (match: string) => match.replaceAll(/[^\n]/g, ' ');
  return text.replaceAll(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (match) =>
    match.startsWith('/') ? blank(match) : match,
  );
}

/** Module names of static and dynamic imports and re-exports. */
export function importsOf(text: string): string[] {
  const code = codeOf(text);
  const pattern =
    /(?:^|[\s;}])(?:import|export)\s(?:[^'";]*?\sfrom\s*)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? match[2]!);
}
