/**
 * Who owns a lane, as its `owner` file says, and whether that process is provably gone. Claiming from a process that
 * lives is safe, as the lease decides, but costs it its connections: so proof is asked for, and where there is none,
 * survivors wait a term.
 *
 * Proof is that we would see the process if it ran: same kernel, same pid namespace, and no process with its pid and
 * start. Nothing less will do. A container that was started again in its pod, and another pod on the node, are in another
 * pid namespace. Another boot proves nothing either: the name of the host, which would say that it is a later boot of the
 * same machine, is given more than once (to each pod of a Deployment that sets `hostname`, to a StatefulSet's pod on a
 * node that is cut off and to its successor elsewhere, to machines that nobody named). Two of one name would rob each
 * other of every lane, for ever. The name of the host must be the same all the same: virtual machines that were cloned as
 * they ran share boot id and namespace.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Owner {
  readonly hostname: string;
  /** Changes with every start of the machine. */
  readonly boot: string;
  /** Process ids mean nothing in another namespace. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Clock ticks from the start of the machine to that of the process: a pid is used again, with another start. */
  readonly startTime: string;
}

export interface Host {
  self(): Owner;
  /** True only where it is certain that the owner no longer runs. */
  isGone(owner: Owner): boolean;
}

/** Field 22 of proc_pid_stat(5); undefined where there is no such process, or only its zombie. */
function startTimeOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name stands in parentheses, and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function orEmpty(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}

export const linuxHost: Host = {
  self: () => ({
    hostname: hostname(),
    boot: orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
    pidNamespace: orEmpty(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    startTime: startTimeOf('self') ?? '',
  }),
  isGone(owner) {
    const self = linuxHost.self();
    const seesItself = self.boot !== '' && self.pidNamespace !== '' && self.startTime !== '';
    // A /proc of another namespace counts other processes by these ids.
    const seesOurs = seesItself && orEmpty(() => readlinkSync('/proc/self')) === String(process.pid);
    return seesOurs && wouldSee(self, owner) && startTimeOf(owner.pid) !== owner.startTime;
  },
};

function wouldSee(self: Owner, owner: Owner): boolean {
  const { hostname: name, boot, pidNamespace } = owner;
  return name === self.hostname && boot === self.boot && pidNamespace === self.pidNamespace;
}

/** Reads an `owner` file; undefined where it is not one: then nothing is certain. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner;
    return typeof owner.hostname === 'string' && Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}
