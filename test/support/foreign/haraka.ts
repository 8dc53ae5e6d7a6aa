/** A private Haraka, with the plugins that it comes with and one of the test. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../debian.ts';
import { runOk, start } from '../processes.ts';
import { foreignFolder, foreignProgram } from './programs.ts';
import { untilGreeted } from './ready.ts';
import { isSecured, routeBy } from './routes.ts';
import type { Foreign, ForeignOptions, Route } from './types.ts';

/** As what it knows, and verifies, the next hop of a route with TLS. */
const WITH_TLS = 'localhost';

const config = ({ login, ...options }: ForeignOptions, proxied: Route): Record<string, string> => ({
  me: options.hostname,
  loglevel: 'INFO',
  plugins: ['tls', 'auth/flat_file', 'xclient', 'routes', 'queue/smtp_forward'].join('\n'),
  'smtp.ini': `listen=127.0.0.1:${options.smtpPort},127.0.0.1:${options.submissionPort}`,
  // Its own one has more in it that it can't do without.
  'connection.ini': readFileSync(
    join(foreignFolder('haraka'), 'node_modules/Haraka/config/connection.ini'),
    'utf8',
  ).replace(/^bytes=.*$/m, `bytes=${options.sizeLimit}`),
  'outbound.ini': 'local_mx_ok=true\ninet_prefer=v4',
  'smtp_forward.ini': `[${proxied.domain}]\nhost=127.0.0.1\nport=${proxied.port}`,
  'tls.ini': `key=${options.identity}/tls.key\ncert=${options.identity}/tls.crt\n[outbound]\nforce_tls_hosts[]=${WITH_TLS}`,
  'auth_flat_file.ini': `[core]\nmethods=PLAIN\nconstrain_sender=false\n[users]\n${login.username}=${login.password}`,
});

const hop = ({ way, port }: Omit<Route, 'domain'>, { login }: ForeignOptions) => ({
  ...{ port, priority: 0, exchange: '127.0.0.1' },
  ...(isSecured({ way }) ? { from_dns: WITH_TLS } : {}),
  ...(way === 'login' ? { auth_user: login.username, auth_pass: login.password } : {}),
});

/** Who may send, and where mail goes: what each installation of Haraka has a plugin for. */
const plugin = (options: ForeignOptions) => `
const hops = ${JSON.stringify(Object.fromEntries(options.routes.map((route) => [route.domain, hop(route, options)])))};
const elsewhere = ${JSON.stringify(hop({ way: 'clear', port: options.elsewhere }, options))};

exports.hook_connect = (next, connection) => {
  if (connection.local.port === ${options.smtpPort}) connection.relaying = true;
  next();
};
exports.hook_rcpt = (next, connection, [address]) => {
  if (!connection.relaying) return next(DENY, 'users only');
  if (address.address === ${JSON.stringify(options.refused)}) return next(DENY, 'nobody of that name');
  // What smtp_forward passes on while the client waits does not go into the queue.
  if (address.host === ${JSON.stringify(routeBy('proxied', options).domain)}) connection.relaying = false;
  next(OK);
};
exports.hook_get_mx = (next, hmail, domain) => next(OK, { ...(hops[domain] ?? elsewhere) });
`;

export async function startHaraka(options: ForeignOptions): Promise<Foreign> {
  const { folder, identity } = options;
  for (const name of ['config', 'plugins', 'queue']) mkdirSync(join(folder, name));
  for (const [name, text] of Object.entries(config(options, routeBy('proxied', options)))) {
    writeFileSync(join(folder, 'config', name), `${text}\n`);
  }
  // It would make some of its own, which takes seconds.
  const group = ['genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048'];
  writeFileSync(join(folder, 'config/dhparams.pem'), await runOk(program('openssl'), group));
  writeFileSync(join(folder, 'plugins/routes.js'), plugin(options));
  const running = start(
    process.execPath,
    [foreignProgram('haraka'), '-c', folder],
    join(folder, 'output.log'),
    // Under a test runner it leaves its name out of EHLO.
    {
      cwd: folder,
      env: { ...process.env, NODE_ENV: 'production', NODE_EXTRA_CA_CERTS: join(identity, 'ca.crt') },
    },
  );
  await untilGreeted(running, options.smtpPort, options.submissionPort);
  return {
    version: /Haraka version (\S+)/.exec(running.output())?.[1] ?? '?',
    log: () => running.output(),
    stop: () => running.stop(),
  };
}
