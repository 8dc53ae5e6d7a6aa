/** A private Dovecot: LMTP in, IMAP out, any user with one password. Needs root, as Dovecot does. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { temporaryFolder } from './folders.ts';
import { freePort } from './ports.ts';
import { runOk, start } from './processes.ts';
import { SmtpClient } from './smtp-client.ts';
import { waitFor } from './wait.ts';

export interface Dovecot {
  readonly lmtpPort: number;
  /** Texts of the messages in a user's INBOX, read over IMAP. */
  inbox(user: string): Promise<string[]>;
  log(): string;
  stop(): Promise<void>;
}

const PASSWORD = 'read-back';

export async function startDovecot(address = '127.0.0.1'): Promise<Dovecot> {
  const folder = temporaryFolder('dovecot');
  const [lmtpPort, imapPort] = [await freePort(address), await freePort(address)];
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'mail'));
  await runOk('chown', ['mail:mail', join(folder, 'mail')]);
  const config = join(folder, 'dovecot.conf');
  writeFileSync(
    config,
    `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
listen = ${address}
first_valid_uid = 1
mail_location = maildir:${folder}/mail/%n
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${folder}/mail/%n allow_all_users=yes
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    port = ${lmtpPort}
  }
}
service anvil {
  chroot =
}
`,
  );
  const running = start(program('dovecot'), ['-F', '-c', config], join(folder, 'dovecot.log'));
  await waitFor('Dovecot to greet', async () => {
    if (running.ended() !== undefined) throw new Error(running.output());
    const { client, greeting } = await SmtpClient.connect(lmtpPort, address);
    client.close();
    return greeting.code === 220;
  });
  const imap = (user: string, path: string, ...more: string[]) =>
    runOk(program('curl'), [
      '-sS',
      '--user',
      `${user}:${PASSWORD}`,
      `imap://${address}:${imapPort}/${path}`,
      ...more,
    ]);
  return {
    lmtpPort,
    async inbox(user) {
      const found = await imap(user, 'INBOX', '-X', 'SEARCH ALL');
      const numbers = /\* SEARCH([ \d]*)/.exec(found)?.[1]?.trim().split(' ').filter(Boolean) ?? [];
      const texts: string[] = [];
      for (const number of numbers) texts.push(await imap(user, `INBOX;MAILINDEX=${number}`));
      return texts;
    },
    log: () => running.output(),
    stop: () => running.stop(),
  };
}
