/**
 * `postrider up`: the same manifests as in a cluster, run on this machine. Reads as what happens: compile, start the
 * inbox and the mta, tell, watch, and stop in order. Rejects with `PostriderError` where it can't start; once it runs,
 * it keeps running whatever happens to the manifests.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { PostriderError } from '../../mta/errors.ts';
import type { Random } from '../../mta/random.ts';
import { controlClient } from '../control/client.ts';
import { startInbox } from '../inbox/server.ts';
import { banner } from './banner.ts';
import { findingLines, findingsOf } from './findings.ts';
import { inboxLines } from './inbox-lines.ts';
import { type Lock, lives, type ProcessId, takeLock } from './lock.ts';
import { killGroup, MtaProcess } from './mta-process.ts';
import { checkPorts, LOOPBACK, type Ports } from './ports.ts';
import { loadProject } from './project.ts';
import { Reloader } from './reload.ts';
import { firstConfig, storeConfig } from './revisions.ts';
import { makeFolder, type StatePaths, stateFault } from './state.ts';
import { fromState, lastConfig } from './surroundings.ts';
import { watchManifests } from './watch.ts';

export interface UpOptions {
  readonly folder: string;
  readonly state: string;
  readonly ports: Ports;
  readonly mta?: string;
  readonly self: string;
  readonly write: (line: string) => void;
  /** Stop in order; everything that is under way may end. */
  readonly stop: AbortSignal;
  /** Stop at once. */
  readonly kill: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long the mta may take to be ready: recovery of a long queue is part of it. */
const READY_MS = 120_000;
const POLL_MS = 100;
/** How long an mta that was left behind may take to end. */
const ORPHAN_MS = 30_000;

export async function up(options: UpOptions): Promise<void> {
  const files = makeFolder(options.state);
  try {
    const lock = takeLock(files.lock);
    try {
      if (lock.orphan !== undefined) await endOrphan(lock.orphan, options);
      await run(options, files, lock);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw stateFault(error, options.state);
  }
}

async function run(options: UpOptions, files: StatePaths, lock: Lock): Promise<void> {
  const { write, folder, ports, clock } = options;
  const surroundings = fromState(files, ports, clock, options.random);
  const load = (last: MtaConfig | undefined) => loadProject(folder, options, surroundings(last));

  const last = lastConfig(files);
  const project = load(last);
  const findings = findingsOf(project);
  for (const line of findingLines(findings)) write(line);
  const config = firstConfig(project, last, folder);
  await checkPorts(config, ports.inbox);
  storeConfig(files, config);

  const lines = inboxLines(clock, write);
  const inbox = await startInbox({ root: files.inbox, port: ports.inbox, onEvent: lines.tell });
  let serving = false;
  const mta = new MtaProcess({
    config: files.config,
    log: files.log,
    clock,
    onPid: lock.noteMta,
    onDeath: (how, wait) => {
      if (serving)
        write(`  the mta has died (${how}) and starts again in ${wait / 1000} s; see ${files.log}`);
    },
  });
  const onKill = () => mta.kill();
  options.kill.addEventListener('abort', onKill);
  try {
    mta.start();
    serving = await ready(mta, config, options);
    if (serving) {
      for (const line of banner({ config, project, files, ports, self: options.self })) write(line);
      const control = controlClient(`http://${LOOPBACK}:${ports.control}`, surroundings.token);
      const reloader = new Reloader({
        config,
        findings,
        load,
        push: (next) => control.load(next),
        store: (next) => storeConfig(files, next),
        write,
      });
      await watchUntilStopped(options, reloader);
      write('  stopping: what is under way may end; Ctrl-C again ends it now');
    }
  } finally {
    lines.close();
    await mta.stop();
    await inbox.close();
    options.kill.removeEventListener('abort', onKill);
  }
  write('  stopped');
}

/** False when asked to stop meanwhile. Throws `PostriderError` StartFailed with the mta's own words. */
async function ready(mta: MtaProcess, { health }: MtaConfig, { clock, stop }: UpOptions): Promise<boolean> {
  const until = clock.monotonic() + READY_MS;
  let said = 'nothing';
  while (!stop.aborted) {
    if (!mta.running) {
      throw new PostriderError('StartFailed', `The mta could not start:\n${mta.output().join('\n')}`);
    }
    try {
      const response = await fetch(`http://${health.address}:${health.port}/readyz`);
      if (response.ok) return true;
      said = await response.text();
    } catch {
      // Not listening yet.
    }
    if (clock.monotonic() > until) {
      throw new PostriderError(
        'StartFailed',
        `The mta is not ready after ${READY_MS / 1000} s; it says ${said}`,
      );
    }
    await sleep(POLL_MS);
  }
  return false;
}

async function watchUntilStopped(
  { folder, clock, stop, kill }: UpOptions,
  reloader: Reloader,
): Promise<void> {
  const unwatch = watchManifests(folder, clock, () => reloader.changed());
  await new Promise<void>((resolve) => {
    if (stop.aborted || kill.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
    kill.addEventListener('abort', () => resolve(), { once: true });
  });
  unwatch();
  await reloader.settled();
}

/** An mta whose `up` was killed still has the ports and the queue: it is asked to end as any other. */
async function endOrphan(orphan: ProcessId, { write, clock, kill }: UpOptions): Promise<void> {
  write(`  an earlier run left its mta behind (pid ${orphan.pid}): stopping it`);
  process.kill(orphan.pid, 'SIGTERM');
  const until = clock.monotonic() + ORPHAN_MS;
  while (lives(orphan)) {
    if (kill.aborted || clock.monotonic() > until) killGroup(orphan.pid);
    await sleep(POLL_MS);
  }
}
