/** What runs and where, and how to send the first message. Pure. */
import { join } from 'node:path';
import type { Listener, MtaConfig } from '../../mta/config.ts';
import { LOOPBACK, type Ports } from './ports.ts';
import type { Project } from './project.ts';
import { DEFAULT_STATE, type StatePaths } from './state.ts';

export interface BannerInput {
  readonly config: MtaConfig;
  readonly project: Pick<Project, 'generated'>;
  readonly files: StatePaths;
  readonly ports: Ports;
  /** How the reader calls `postrider`. */
  readonly self: string;
}

export function banner({ config, project, files, ports, self }: BannerInput): string[] {
  const rows: [what: string, where: string, more: string][] = [
    ...config.listeners.map((listener): [string, string, string] => [
      listener.name,
      `${listener.address}:${listener.port}`,
      describe(listener),
    ]),
    [
      'control',
      `${config.control.address}:${config.control.port}`,
      `queue and config; token in ${files.token}`,
    ],
    ...(config.web === undefined
      ? []
      : [
          ['web', `${config.web.address}:${config.web.port}`, 'MTA-STS policies, by HTTPS'] as [
            string,
            string,
            string,
          ],
        ]),
    ['health', `${config.health.address}:${config.health.port}`, '/livez /readyz /metrics'],
    ['inbox', `${LOOPBACK}:${ports.inbox}`, `LMTP; mail in ${join(files.inbox, '<address>', 'new')}`],
    ['log', files.log, 'the mail log, a JSON object per line'],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return [
    '',
    `Postrider runs as ${config.fleet.hostname}, config revision ${config.revision}.`,
    '',
    ...rows.map(
      ([what, where, more]) => `  ${what.padEnd(widths[0]!)}  ${where.padEnd(widths[1]!)}  ${more}`,
    ),
    ...project.generated.map(
      ({ username, file }) => `  password of ${username} in ${join(files.folder, file)}`,
    ),
    ...firstMessage(config),
    '',
    `Look at the queue with \`${self} queue${stateArgument(files)}\`. Ctrl-C stops.`,
    '',
  ];
}

const stateArgument = ({ folder }: StatePaths) => (folder === DEFAULT_STATE ? '' : ` --state ${folder}`);

function describe({ role, tls, relayFrom }: Listener): string {
  const security = { none: 'clear text', starttls: 'STARTTLS', implicit: 'TLS' }[tls.mode];
  const relaying = relayFrom.length === 0 ? '' : `, relays for ${relayFrom.join(', ')}`;
  const name = { smtp: 'SMTP', submission: 'submission', lmtp: 'LMTP', odmr: 'ODMR' }[role];
  return `${name}, ${security}${relaying}`;
}

/** One command line, where there is a domain and a listener to send it to. */
function firstMessage({ listeners, domains }: MtaConfig): string[] {
  const smtp = listeners.find(({ role, tls }) => role === 'smtp' && tls.mode !== 'implicit' && !tls.required);
  const domain = domains[0];
  if (smtp === undefined || domain === undefined) return [];
  const recipient = domain.recipients.mode === 'any' ? 'anna' : (domain.recipients.list[0] ?? 'postmaster');
  return [
    '',
    'Send the first message:',
    '',
    `  printf 'Subject: hello\\r\\n\\r\\nIt works.\\r\\n' | curl -sS smtp://${smtp.address}:${smtp.port} --mail-from you@example.com --mail-rcpt ${recipient}@${domain.domain} -T -`,
  ];
}
