/** A private OpenSMTPD: Debian's programs over a configuration and a spool of the test. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../processes.ts';
import { startPrivately } from './private-root.ts';
import { foreignFolder } from './programs.ts';
import { untilGreeted } from './ready.ts';
import { isSecured } from './routes.ts';
import type { Foreign, ForeignOptions, Route } from './types.ts';

const USERS = { opensmtpd: 64_902, opensmtpq: 64_903 };
/** Where it looks for these, and nowhere else. */
const SPOOL = '/var/spool/smtpd';
const CHROOT = '/var/lib/opensmtpd/empty';
/** Where its users may execute it. */
const PROGRAM = '/var/lib/opensmtpd/smtpd';
const LIBRARY = '/usr/libexec/opensmtpd';
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

const relay = (name: string, where: string, more = '') => `action "${name}" relay host "${where}" ${more}`;

function action(route: Route): string {
  const { way, port } = route;
  if (way === 'login') return relay(way, `smtp+tls://us@127.0.0.1:${port}`, 'auth <secrets>');
  return relay(way, `smtp+${isSecured(route) ? 'tls' : 'notls'}://127.0.0.1:${port}`);
}

const configuration = (options: ForeignOptions, hash: string) => `
pki test cert "${options.folder}/tls.crt"
pki test key "${options.folder}/tls.key"
table users { "${options.login.username}" = "${hash}" }
table secrets { "us" = "${options.login.username}:${options.login.password}" }
table refused { "${options.refused}" }
filter refused phase rcpt-to match rcpt-to <refused> reject "550 5.1.1 Nobody of that name"
smtp max-message-size ${options.sizeLimit}
listen on 127.0.0.1 port ${options.smtpPort} hostname ${options.hostname} tls pki test filter refused
listen on 127.0.0.1 port ${options.submissionPort} hostname ${options.hostname} tls-require pki test auth <users>
${options.routes.map(action).join('\n')}
${relay('elsewhere', `smtp+notls://127.0.0.1:${options.elsewhere}`)}
${options.routes.map(({ domain, way }: Route) => `match from any for domain "${domain}" action "${way}"`).join('\n')}
match from any for any action "elsewhere"
`;

export async function startOpenSmtpd(options: ForeignOptions): Promise<Foreign> {
  const { folder, identity } = options;
  const unpacked = foreignFolder('opensmtpd');
  for (const name of ['spool', 'empty']) mkdirSync(join(folder, name));
  chmodSync(join(folder, 'spool'), 0o711);
  // It takes no key that others may read.
  for (const name of ['tls.crt', 'tls.key']) {
    await runOk('install', ['-m', '600', join(identity, name), join(folder, name)]);
  }
  const hash = (
    await runOk(join(unpacked, 'usr/libexec/opensmtpd/encrypt'), [options.login.password])
  ).trim();
  const file = join(folder, 'smtpd.conf');
  writeFileSync(file, configuration(options, hash), { mode: 0o600 });
  const running = startPrivately(
    folder,
    {
      empty: ['/usr/libexec', '/var/lib', '/var/spool', '/run'],
      places: {
        [SPOOL]: join(folder, 'spool'),
        [CHROOT]: join(folder, 'empty'),
        [LIBRARY]: join(unpacked, 'usr/libexec/opensmtpd'),
        [AUTHORITIES]: join(identity, 'ca.crt'),
        [PROGRAM]: join(unpacked, 'usr/sbin/smtpd'),
      },
      users: USERS,
    },
    PROGRAM,
    ['-d', '-f', file],
  );
  await untilGreeted(running, options.smtpPort);
  return {
    version: /OpenSMTPD (\S+) starting/.exec(running.output())?.[1] ?? '?',
    log: () => running.output(),
    stop: () => running.stop(),
  };
}
