/**
 * The MTAs that are compared, each started fresh over an empty queue below one folder, so that both write to the same
 * disk. Both take mail from 127.0.0.0/8 on one port and relay all of it to one smart host; where there is TLS on one side, both do it
 * with the same certificate, in TLS 1.3.
 */
import { readFileSync } from 'node:fs';
import type { MtaConfig } from '../../mta/config.ts';
import { DELIVERY, listener, type Ports, relay } from '../support/config.ts';
import { findProgram } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { startPostfix } from '../support/postfix.ts';
import type { Certificate } from '../support/tls.ts';
import type { MtaName } from './options.ts';
import type { TlsWork } from './works.ts';

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
  /** Shown to clients where mail comes in with TLS. */
  readonly certificate: Certificate;
  readonly tls: TlsWork | undefined;
  /** `strace` and its arguments. */
  readonly wrap?: readonly string[];
}

const postfixSettings = (name: 'main' | 'tls-in' | 'tls-out' | 'tls-out-resumed'): string =>
  readFileSync(new URL(`postfix/${name}.cf`, import.meta.url), 'utf8');

async function postfix({ dir, sinkPort, certificate, tls, wrap }: ContestantOptions): Promise<Contestant> {
  const port = await freePort();
  const mainCf = [
    postfixSettings('main'),
    ...(tls === undefined ? [] : [postfixSettings(`tls-${tls.side}`)]),
    ...(tls?.side === 'in'
      ? [`smtpd_tls_chain_files = ${certificate.keyFile}, ${certificate.certificateFile}`]
      : []),
    ...(tls?.side === 'out' && tls.resumed ? [postfixSettings('tls-out-resumed')] : []),
    `relayhost = [127.0.0.1]:${sinkPort}`,
  ].join('\n');
  const instance = await startPostfix({
    folder: temporaryFolder('bench-postfix', dir),
    port,
    mainCf,
    ...(wrap === undefined ? {} : { wrap }),
  });
  return { name: 'postfix', port, pid: instance.running.pid, stop: () => instance.stop() };
}

const SECRETS = { certificate: 'bench/certificate', key: 'bench/key' } as const;

function postriderConfig({ workers, sinkPort, certificate, tls }: ContestantOptions, ports: Ports) {
  const sink = relay('sink', '127.0.0.1', sinkPort);
  const config: Partial<MtaConfig> = { workers, relays: [sink] };
  switch (tls?.side) {
    case undefined:
      return config;
    case 'in':
      return {
        ...config,
        listeners: [
          listener(ports.smtp, {
            tls: { mode: 'starttls', required: false, minVersion: 'TLSv1.3', ...SECRETS },
          }),
        ],
        secrets: { [SECRETS.certificate]: certificate.certificate, [SECRETS.key]: certificate.key },
      };
    case 'out':
      return {
        ...config,
        relays: [{ ...sink, limits: { ...sink.limits, messagesPerConnection: 1 } }],
        delivery: { ...DELIVERY, defaultTls: 'required' },
        tlsPolicies: [
          {
            ...{ name: 'required', mode: 'required' as const, fallbackToClear: false },
            ...{ minVersion: 'TLSv1.3' as const, destinations: [] },
          },
        ],
      };
  }
}

async function postrider(options: ContestantOptions): Promise<Contestant> {
  const { dir, wrap } = options;
  const mta = await startMta({
    folder: temporaryFolder('bench-postrider', dir),
    config: (_, ports) => postriderConfig(options, ports),
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
