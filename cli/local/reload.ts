/**
 * What happens when the manifests have changed: compile again, tell what is new, and give the mta the new config. One
 * change at a time; changes that come meanwhile are one more. Whatever is wrong is told, and the last good config stays.
 */
import type { MtaConfig } from '../../mta/config.ts';
import { PostriderError } from '../../mta/errors.ts';
import { type Findings, findingLines, findingsOf } from './findings.ts';
import type { Project } from './project.ts';
import { decide } from './revisions.ts';

export interface ReloaderParts {
  /** What runs now, and what was found about it. */
  readonly config: MtaConfig;
  readonly findings: Findings;
  readonly load: (running: MtaConfig) => Project;
  /** Rejects with `PostriderError` where the mta doesn't take it. */
  readonly push: (config: MtaConfig) => Promise<unknown>;
  /** Keeps it for the next start. */
  readonly store: (config: MtaConfig) => void;
  readonly write: (line: string) => void;
}

export class Reloader {
  readonly #parts: ReloaderParts;
  #config: MtaConfig;
  #told: ReadonlySet<string>;
  #again = false;
  #running: Promise<void> | undefined;

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#told = new Set(findingLines(parts.findings));
  }

  changed(): void {
    this.#again = true;
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no change is being worked on. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #work(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#once();
      } catch (error) {
        const { message, hint } = error as PostriderError;
        this.#kept(error instanceof PostriderError && hint !== undefined ? `${message} (${hint})` : message);
      }
    }
  }

  async #once(): Promise<void> {
    const { load, push, store, write } = this.#parts;
    const project = load(this.#config);
    const lines = findingLines(findingsOf(project));
    write('manifests have changed');
    for (const line of lines) if (!this.#told.has(line)) write(line);
    this.#told = new Set(lines);

    const decision = decide(project, this.#config);
    switch (decision.kind) {
      case 'keep':
        this.#kept(decision.why);
        break;
      case 'unchanged':
        write(`  nothing new for the mta: revision ${this.#config.revision} stays`);
        break;
      case 'load':
        try {
          await push(decision.config);
        } catch (error) {
          // An mta that is down starts with what is stored.
          if (!(error instanceof PostriderError) || error.code !== 'ControlUnreachable') throw error;
        }
        store(decision.config);
        this.#config = decision.config;
        write(`  revision ${decision.config.revision} is loaded`);
    }
  }

  #kept(why: string): void {
    this.#parts.write(`  revision ${this.#config.revision} stays: ${why}`);
  }
}
