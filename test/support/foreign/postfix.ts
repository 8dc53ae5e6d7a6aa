/** A private Postfix as the others are, with a Dovecot beside it that knows its users' passwords. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../debian.ts';
import { startPostfix } from '../postfix.ts';
import { type Running, runOk, start } from '../processes.ts';
import { waitFor } from '../wait.ts';
import { isSecured, routeBy } from './routes.ts';
import type { Foreign, ForeignOptions, Route } from './types.ts';

const VERIFIED = (identity: string) =>
  `-o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=hostname -o smtp_tls_CAfile=${identity}/ca.crt`;

/** Delivery agents and listeners beside those that every Postfix has. */
const masterCf = ({ submissionPort, identity }: ForeignOptions) => `
127.0.0.1:${submissionPort} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
clear unix - - n - - smtp
proxied unix - - n - - smtp
held unix - - n - - smtp
verified unix - - n - - smtp ${VERIFIED(identity)}
login unix - - n - - smtp ${VERIFIED(identity)} -o smtp_sasl_auth_enable=yes
`;

/** By name where it is verified: of a certificate's addresses Postfix knows nothing. */
const nextHop = (route: Route) => `[${isSecured(route) ? 'localhost' : '127.0.0.1'}]:${route.port}`;

const mainCf = (options: ForeignOptions) => `
myhostname = ${options.hostname}
message_size_limit = ${options.sizeLimit}
smtputf8_enable = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${options.identity}/tls.key, ${options.identity}/tls.crt
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:${options.folder}/dovecot/run/auth
smtpd_recipient_restrictions = check_recipient_access inline:{ ${options.refused}=REJECT }
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_authorized_xforward_hosts = 127.0.0.1
smtp_send_xforward_command = yes
defer_transports = held
fast_flush_domains = ${routeBy('held', options).domain}
smtp_host_lookup = native
smtp_sasl_security_options = noanonymous
smtp_sasl_password_maps = inline:{ { ${nextHop(routeBy('login', options))} = ${options.login.username}:${options.login.password} } }
transport_maps = inline:{ ${options.routes
  .map((route) => `{ ${route.domain} = ${route.way}:${nextHop(route)} }`)
  .join(', ')} }
relayhost = [127.0.0.1]:${options.elsewhere}
`;

async function startUsers({ folder, login }: ForeignOptions): Promise<Running> {
  const own = join(folder, 'dovecot');
  mkdirSync(own);
  writeFileSync(join(own, 'users'), `${login.username}:{PLAIN}${login.password}\n`);
  writeFileSync(
    join(own, 'dovecot.conf'),
    `
base_dir = ${own}/run
state_dir = ${own}/state
log_path = ${own}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain
passdb {
  driver = passwd-file
  args = ${own}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=/nonexistent
}
service anvil {
  chroot =
}
service auth {
  unix_listener auth {
    mode = 0666
  }
}
`,
  );
  const running = start(
    program('dovecot'),
    ['-F', '-c', join(own, 'dovecot.conf')],
    join(folder, 'dovecot.log'),
  );
  await waitFor('Dovecot to listen', () => {
    if (running.ended() !== undefined) throw new Error(running.output());
    return existsSync(join(own, 'run/auth'));
  });
  return running;
}

export async function startPostfixAsForeign(options: ForeignOptions): Promise<Foreign> {
  const version = await runOk(program('postconf'), ['-d', '-h', 'mail_version']);
  const users = await startUsers(options);
  try {
    const postfix = await startPostfix({
      ...{ folder: options.folder, port: options.smtpPort },
      ...{ mainCf: mainCf(options), masterCf: masterCf(options) },
    });
    return {
      version: version.trim(),
      log: () => postfix.log() + readFileSync(join(options.folder, 'maillog'), 'utf8'),
      async stop() {
        await postfix.stop();
        await users.stop();
      },
    };
  } catch (error) {
    await users.stop();
    throw error;
  }
}
