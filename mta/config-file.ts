/** The config that a process starts with: a document in a file, or pieces in a folder (config-parts.ts). */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { MtaConfig } from './config.ts';
import { joinConfig } from './config-parts.ts';
import { PostriderError } from './errors.ts';
import { parseConfig } from './setup.ts';

/** Pieces come to a pod within a minute or two of each other: as often as the kubelet looks. */
const PATIENCE_MS = 180_000;
const LOOK_MS = 500;

/** Throws `ConfigInvalid` or `ConfigVersionUnsupported`, and `ConfigIncomplete` for a folder that lacks a piece. */
export function readConfig(path: string): MtaConfig {
  try {
    return parseConfig(
      statSync(path).isDirectory()
        ? joinConfig((name) => readIfThere(join(path, name)))
        : (JSON.parse(readFileSync(path, 'utf8')) as unknown),
    );
  } catch (error) {
    if (error instanceof PostriderError) throw error;
    const what = error instanceof SyntaxError ? `${path} is not JSON` : `can't read ${path}`;
    throw new PostriderError('ConfigInvalid', `${what}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Waits for pieces that are on their way.
 *
 * @param onWait told once, with what is missing
 */
export async function awaitConfig(
  path: string,
  clock: Clock,
  onWait: (error: PostriderError) => void,
): Promise<MtaConfig> {
  const until = clock.monotonic() + PATIENCE_MS;
  for (let told = false; ; told = true) {
    try {
      return readConfig(path);
    } catch (error) {
      const incomplete = error instanceof PostriderError && error.code === 'ConfigIncomplete';
      if (!incomplete || clock.monotonic() >= until) throw error;
      if (!told) onWait(error);
    }
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
