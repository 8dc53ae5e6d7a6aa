/** Runs the simulation of a copy of the tree. Rejects where it ends without a verdict, or not in time. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';

export interface Violation {
  readonly seed: number;
  readonly invariant: string;
  readonly text: string;
}

export interface Verdict {
  /** Run, the one with the violation included. */
  readonly schedules: number;
  readonly seconds: number;
  readonly violations: readonly Violation[];
}

/** The last line of the simulation's output. Throws where that is no verdict. */
export function parseVerdict(output: string): Verdict {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  let verdict: Partial<Verdict>;
  try {
    verdict = JSON.parse(last) as Partial<Verdict>;
  } catch {
    throw new Error(`the simulation gave no verdict but: ${last}`);
  }
  const { schedules, seconds, violations } = verdict;
  if (typeof schedules !== 'number' || typeof seconds !== 'number' || !Array.isArray(violations)) {
    throw new Error(`the simulation's verdict is incomplete: ${last}`);
  }
  return { schedules, seconds, violations };
}

export interface Schedules {
  readonly seed: number;
  readonly schedules: number;
  /** After which it is killed. */
  readonly timeoutMs: number;
}

/** Schedules of the seeds from `seed` on, up to the first violation. */
export function simulate(folder: string, { seed, schedules, timeoutMs }: Schedules): Promise<Verdict> {
  const args = [
    join(folder, 'test/simulation/main.ts'),
    ...['--seed', String(seed), '--schedules', String(schedules), '--json'],
  ];
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1 << 28 } as const;
    execFile(process.execPath, args, options, (error, output, errors) => {
      if (error?.killed) {
        reject(new Error(`the simulation has not ended within ${timeoutMs / 1000} s`));
        return;
      }
      try {
        resolve(parseVerdict(output));
      } catch (wrong) {
        reject(new Error(`${(wrong as Error).message}\n${errors.slice(-2000)}`));
      }
    });
  });
}
