#!/usr/bin/env node
/**
 * `node mta/main.ts --config FILE`: the supervisor of a group of workers, and with `--worker`, one of them. `--name` and
 * `--identity` say who it is among the members of its fleet.
 *
 * SIGTERM and SIGINT drain and end it; a second one ends it at once. SIGHUP loads FILE again. Exit codes: 0 after a
 * drain, 1 where it could not start or serve on, 64 for wrong arguments (EX_USAGE), 78 for a config that is refused
 * (EX_CONFIG).
 */
import { fork } from 'node:child_process';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import { systemClock } from './clock.ts';
import { awaitConfig, readConfig } from './config-file.ts';
import type { ControlAccess } from './control/access.ts';
import { createControlServer } from './control/control.ts';
import { createHealthServer } from './control/health.ts';
import { PostriderError } from './errors.ts';
import { readIdentity } from './fleet/identity.ts';
import { KeptIdentity } from './fleet/kept-identity.ts';
import { createLogger, type LogDestination, logDestination } from './log/destination.ts';
import { createVerifier } from './policy/verifier.ts';
import { nodeDisk } from './queue/disk.ts';
import { linuxHost } from './queue/host.ts';
import { concernsOf, readMount } from './queue/mount.ts';
import { systemRandom } from './random.ts';
import { controlBackend } from './supervise/backend.ts';
import type { SupervisorCalls } from './supervise/calls.ts';
import { Drain } from './supervise/drain.ts';
import { joinFleet } from './supervise/fleet.ts';
import { LeavingMark } from './supervise/leaving-mark.ts';
import { type Channel, remote, serve } from './supervise/rpc.ts';
import { Supervisor } from './supervise/supervisor.ts';
import type { WorkerProcess } from './supervise/worker-process.ts';
import { openStore } from './tls-rpt/receive/open.ts';
import { createWorker } from './worker.ts';

/** How long a process that has drained may take to end, and a worker without a supervisor. */
const CLOSING_MS = 2000;

/**
 * How V8 keeps a worker's heap: young objects in 16 MiB twice, and a collection of the old ones when they have grown by a
 * half. As it comes, V8 takes a large machine's memory for ours, and holds three times as much as is in use.
 */
const WORKER_HEAP = ['--max-semi-space-size=16', '--heap-growing-percent=50'];

const USAGE = `usage: node mta/main.ts --config FILE [--name NAME] [--identity FOLDER]

  --config FILE      the config, JSON; or a folder that has it in pieces, as a pod of a cluster does
  --name NAME        which member of its fleet this is, where the config has peers; the host's name otherwise
  --identity FOLDER  its tls.crt and tls.key, and the ca.crt of the fleet; needed where the config has peers, or a
                     control port with access by certificate
  --help             this text`;

interface Flags {
  readonly config: string;
  readonly name: string;
  readonly identity: string | undefined;
}

async function supervise({ config: file, name, identity: folder }: Flags): Promise<void> {
  const destination = standardOutput();
  const config = await awaitConfig(file, systemClock, ({ message }) =>
    createLogger('info', 'supervisor', destination).info(
      { path: file, missing: message },
      'waiting for the config',
    ),
  );
  const logger = createLogger(config.log.level, 'supervisor', destination);
  warnOfMount(config.queue.path, logger);
  const supervisor: Supervisor = new Supervisor(config, {
    spawn: () => spawnWorker(supervisor.config.log.level),
    clock: systemClock,
    logger,
    verifier: createVerifier({ clock: systemClock, random: systemRandom }),
    name,
    ticketSecret: systemRandom.bytes(32),
  });
  const identity =
    folder === undefined
      ? undefined
      : new KeptIdentity(() => readIdentity(folder, name, config.fleet), { clock: systemClock, logger });
  const onDefect = (error: unknown) => logger.error({ err: error }, 'defect');
  const surroundings = { clock: systemClock, random: systemRandom };
  const fleet = joinFleet(supervisor, { name, identity, ...surroundings, logger, onDefect });
  const drain = new Drain({
    supervisor,
    fleet: fleet && {
      members: () => fleet.channel.members(),
      giveUp: (member) => fleet.giveUp(member),
      passOn: () => fleet.passOn(),
    },
    disk: nodeDisk,
    host: linuxHost,
    clock: systemClock,
    logger,
    name,
    mark: new LeavingMark(nodeDisk, config.queue.path, name),
  });
  const reports = openStore({
    ...surroundings,
    ...{ queuePath: config.queue.path, disk: nodeDisk, log: logger },
  });
  const backend = controlBackend(supervisor, { fleet, drain, reports, ...surroundings });
  const health = createHealthServer(backend);
  const control = createControlServer(backend, { access: accessOf(supervisor, identity), onDefect });

  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'draining');
    await supervisor.stop();
    // A request that doesn't end, or a reader that has gone, keeps nobody.
    systemClock.after(CLOSING_MS, () => process.exit(0));
    await Promise.all([health.close(), control.close(), fleet?.stop()]);
    logger.info('ended');
    await destination.flush();
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));
  process.on('SIGHUP', () => {
    try {
      // What is refused is in the status and the log already.
      void supervisor.load(readConfig(file)).catch(() => {});
    } catch (error) {
      supervisor.refuse(undefined, (error as Error).message);
    }
  });

  try {
    await health.listen(config.health.address, config.health.port);
    await drain.resume();
    await fleet?.start();
    await supervisor.start();
    void drain.identify();
    await control.listen(config.control.address, config.control.port);
  } catch (error) {
    // Workers that were stopped while they started have not failed.
    if (stopping) return;
    stopping = true;
    await supervisor.stop();
    throw error;
  }
  logger.info({ revision: config.revision, workers: config.workers }, 'ready');
}

/** How it is asked can't change while it runs; the token can. */
function accessOf(supervisor: Supervisor, identity: KeptIdentity | undefined): ControlAccess {
  const { control, fleet } = supervisor.config;
  if (control.access === 'token') {
    return {
      by: 'token',
      token() {
        const { config } = supervisor;
        return config.control.access === 'token' ? config.secrets[config.control.token]! : '';
      },
    };
  }
  if (identity !== undefined) return { by: 'certificate', identity, fleet };
  throw new PostriderError(
    'ConfigInvalid',
    'the control port goes by certificate, and this member has none',
    {
      hint: 'start it with --name and --identity, as docs/fleet.md says',
    },
  );
}

/** For the person who chose the volume; the queue works as well as its file system lets it. */
function warnOfMount(path: string, logger: Logger): void {
  const mount = readMount(path);
  for (const concern of mount ? concernsOf(mount) : []) {
    logger.warn({ path, type: mount?.type, concern }, 'the queue should not be kept on this mount');
  }
}

function standardOutput(): LogDestination {
  return logDestination(1, systemClock);
}

function spawnWorker(logLevel: string): WorkerProcess {
  const child = fork(import.meta.filename, ['--worker', logLevel], {
    serialization: 'advanced',
    execArgv: [...process.execArgv, ...WORKER_HEAP],
  });
  // A process that could not be made has neither an exit nor a channel to lose.
  const failed = new Promise<string>((resolve) => void child.on('error', (error) => resolve(error.message)));
  const closed = (listener: () => void) => {
    child.once('disconnect', listener);
    void failed.then(listener);
  };
  return {
    pid: child.pid,
    channel: {
      // A worker that is gone is told by `onExit`, not by what could not be sent to it.
      send: (message) => void (child.connected && child.send(message as object, () => {})),
      onMessage: (listener) => void child.on('message', listener),
      onClose: closed,
    },
    kill: () => void child.kill('SIGKILL'),
    onExit: (listener) => {
      if (child.exitCode !== null || child.signalCode !== null) listener('ended');
      else child.once('exit', (code, signal) => listener(signal ?? `exit code ${code}`));
      if (child.pid === undefined) void failed.then(listener);
    },
  };
}

function work(logLevel: string): void {
  const destination = standardOutput();
  const logger = createLogger(logLevel, 'worker', destination);
  const channel: Channel = {
    send: (message) => void (process.connected && process.send!(message)),
    onMessage: (listener) => void process.on('message', listener),
    onClose: (listener) => void process.on('disconnect', listener),
  };
  const calls = createWorker(logger, destination, remote<SupervisorCalls>(channel));
  serve(channel, {
    ...calls,
    async drain(seconds: number) {
      await calls.drain(seconds);
      // The answer goes out before the channel closes, and with it the process.
      setImmediate(() => process.disconnect());
    },
  });
  // Signals of a terminal reach the whole group; the supervisor decides what they mean.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => {
    // Whoever reads the log may hang: a worker without a supervisor must not keep ports and lanes.
    setTimeout(() => process.exit(0), CLOSING_MS);
    void destination.flush().finally(() => process.exit(0));
  });
}

function usage(message: string): never {
  process.stderr.write(`${message}\n${USAGE}\n`);
  process.exit(64);
}

function main(): void {
  if (process.argv[2] === '--worker') {
    work(process.argv[3] ?? 'info');
    return;
  }
  const text = { type: 'string' } as const;
  const options = { config: text, name: text, identity: text, help: { type: 'boolean' } } as const;
  let flags: { config?: string; name?: string; identity?: string; help?: boolean };
  try {
    flags = parseArgs({ options }).values;
  } catch (error) {
    usage((error as Error).message);
  }
  if (flags.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const { config, name = hostname().split('.')[0]!.toLowerCase(), identity } = flags;
  if (config === undefined) usage('--config is missing');
  supervise({ config, name, identity }).catch((error: unknown) => {
    if (error instanceof PostriderError) {
      process.stderr.write(`postrider mta: ${error.message}\n`);
      if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
      process.exit(error.code.startsWith('Config') ? 78 : 1);
    }
    process.stderr.write(`postrider mta: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
}

main();
