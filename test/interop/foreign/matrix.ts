/** Which mail server shares which extension with us, and what came of it: filled from results, printed as docs/interop.md has it. */
import { DIRECTIONS, type Direction } from './world.ts';

/** What it says where they announce nothing of the kind, and where a test did not come to its end. */
const NOT_OFFERED = '–';
const FAILED = 'FAILED';

export class Matrix {
  readonly #extensions: readonly string[];
  readonly #rows = new Map<string, Map<string, string>>();

  constructor(extensions: readonly string[]) {
    this.#extensions = extensions;
  }

  /** Runs a check and keeps what it says, or that it failed. */
  async fill(server: string, direction: Direction, extension: string, check: () => Promise<string>) {
    const row = this.#row(server, direction);
    row.set(extension, FAILED);
    row.set(extension, await check());
  }

  notOffered(server: string, direction: Direction, extension: string): void {
    this.#row(server, direction).set(extension, NOT_OFFERED);
  }

  #row(server: string, direction: Direction): Map<string, string> {
    const name = `${server} ${direction}`;
    const row = this.#rows.get(name) ?? new Map<string, string>();
    this.#rows.set(name, row);
    return row;
  }

  /** As Markdown; a server of which nothing is known has no rows. */
  lines(servers: readonly string[]): string[] {
    const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
    const rows = servers.flatMap((server) =>
      DIRECTIONS.flatMap((direction) => {
        const row = this.#rows.get(`${server} ${direction}`);
        if (row === undefined) return [];
        return [line([server, direction, ...this.#extensions.map((each) => row.get(each) ?? FAILED)])];
      }),
    );
    return [
      line(['server', 'direction', ...this.#extensions]),
      line(['---', '---', ...this.#extensions.map(() => '---')]),
      ...rows,
    ];
  }
}
