/**
 * A private Postfix: Debian's programs over a configuration, queue and data folder of its own, in the foreground below
 * this process. Needs root, as Postfix does. The system's own Postfix, if there is one, is not touched.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { program } from './debian.ts';
import { type Running, run, runOk, start } from './processes.ts';
import { waitFor } from './wait.ts';

export interface PostfixOptions {
  /** Made world-readable: Postfix's processes run as the user `postfix`. */
  readonly folder: string;
  readonly address?: string;
  readonly port: number;
  /** Appended to main.cf: the later setting of a name wins. */
  readonly mainCf: string;
  /** Appended to master.cf. */
  readonly masterCf?: string;
  readonly wrap?: readonly string[];
}

export interface Postfix {
  readonly folder: string;
  readonly running: Running;
  log(): string;
  /** `postqueue -p`, as long as the instance runs. */
  queue(): Promise<string>;
  /** Asks for every deferred message to be tried now. */
  flush(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again after `stop`, over the same queue. */
  restart(): Promise<void>;
}

/** Debian's own master.cf without its chroot, which would need a copy of /etc, and without what nobody uses here. */
const masterCf = (listen: string) => `
${listen} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
`;

const baseCf = (folder: string) => `
compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
maillog_file = ${folder}/maillog
maillog_file_prefixes = ${folder}
myhostname = postfix.test
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
biff = no
smtpd_peername_lookup = no
smtp_tls_security_level = none
# Clients on this machine are strangers like any other: their headers are left as they are.
local_header_rewrite_clients =
`;

/** Starts an instance and waits until it listens. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const { folder, address = '127.0.0.1', port } = options;
  const etc = join(folder, 'etc');
  chmodSync(folder, 0o755);
  for (const name of ['etc', 'spool', 'data']) mkdirSync(join(folder, name));
  await runOk('chown', ['postfix', join(folder, 'data')]);
  writeFileSync(join(etc, 'main.cf'), `${baseCf(folder)}${options.mainCf}\n`);
  writeFileSync(join(etc, 'master.cf'), `${masterCf(`${address}:${port}`)}${options.masterCf ?? ''}\n`);

  const postfix = program('postfix');
  const log = join(folder, 'output.log');
  const isRunning = () =>
    run(postfix, ['-c', etc, 'status'], { timeoutMs: 5000 }).then(
      ({ code }) => code === 0,
      () => false,
    );
  const launch = async () => {
    const command = [...(options.wrap ?? []), postfix, '-c', etc, 'start-fg'];
    const running = start(command[0]!, command.slice(1), log);
    await waitFor('Postfix to listen', async () => {
      if (running.ended() !== undefined) return true;
      // `status` takes the master's lock for a moment: asked any earlier, it would make the start find it taken. It has been seen to hang.
      return (await canConnect(address, port)) && (await isRunning());
    });
    if (running.ended() !== undefined) {
      throw new Error(`Postfix did not start:\n${running.output()}${readFileSync(join(folder, 'maillog'))}`);
    }
    return running;
  };
  let running = await launch();
  return {
    folder,
    get running() {
      return running;
    },
    log: () => running.output(),
    queue: () => runOk(program('postqueue'), ['-c', etc, '-p']),
    async flush() {
      await runOk(program('postqueue'), ['-c', etc, '-f']);
    },
    async stop() {
      if (running.ended() !== undefined) return;
      await run(postfix, ['-c', etc, 'stop']);
      await waitFor('Postfix to end', () => running.ended() !== undefined);
    },
    async restart() {
      running = await launch();
    },
  };
}

function canConnect(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
