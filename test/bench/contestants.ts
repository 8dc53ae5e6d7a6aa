/**
 * The MTAs that are compared, each started fresh over an empty queue below one folder, so that both write to the same
 * disk. Both take mail from 127.0.0.0/8 on one port and relay all of it to one smart host, without TLS.
 */
import { readFileSync } from 'node:fs';
import { relay } from '../support/config.ts';
import { findProgram } from '../support/debian.ts';

import { temporaryFolder } from '../support/folders.ts';
import { startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { startPostfix } from '../support/postfix.ts';
import type { MtaName } from './options.ts';

export interface Contestant {
  readonly name: MtaName;
  /** SMTP port. */
  readonly port: number;
  /** Root of its process tree. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ContestantOptions {
  readonly dir: string;
  readonly sinkPort: number;
  readonly workers: number;
  /** `strace` and its arguments. */
  readonly wrap?: readonly string[];
}

const MAIN_CF = new URL('postfix/main.cf', import.meta.url);

async function postfix({ dir, sinkPort, wrap }: ContestantOptions): Promise<Contestant> {
  const port = await freePort();
  const mainCf = `${readFileSync(MAIN_CF, 'utf8')}\nrelayhost = [127.0.0.1]:${sinkPort}\n`;
  const instance = await startPostfix({
    folder: temporaryFolder('bench-postfix', dir),
    port,
    mainCf,
    ...(wrap === undefined ? {} : { wrap }),
  });
  return { name: 'postfix', port, pid: instance.running.pid, stop: () => instance.stop() };
}

async function postrider({ dir, sinkPort, workers, wrap }: ContestantOptions): Promise<Contestant> {
  const mta = await startMta({
    folder: temporaryFolder('bench-postrider', dir),
    config: () => ({ workers, relays: [relay('sink', '127.0.0.1', sinkPort)] }),
    // libuv may hand syncs to io_uring, which strace can't see.
    ...(wrap === undefined ? {} : { wrap, env: { UV_USE_IO_URING: '0' } }),
  });
  return { name: 'postrider', port: mta.ports.smtp, pid: mta.running.pid, stop: () => mta.stop() };
}

export const contestants: Record<MtaName, (options: ContestantOptions) => Promise<Contestant>> = {
  postfix,
  postrider,
};

/** Why an MTA can't take part; undefined when it can. */
export function absent(name: MtaName): string | undefined {
  if (name === 'postrider') return undefined;
  if (findProgram('postfix') === undefined) return 'Postfix is not installed (scripts/debian-packages.sh)';
  if (process.getuid?.() !== 0) return 'Postfix can be started by root only';
  return undefined;
}
