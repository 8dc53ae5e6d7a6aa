/**
 * Who owns a lane, as its `owner` file says, and whether that process is provably gone. Claiming from a process that
 * lives is safe but costs it its connections: so proof is asked for, and where there is none, survivors wait a term.
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
    if (self.boot === '' || owner.hostname !== self.hostname) return false;
    if (owner.boot !== self.boot) return true;
    if (owner.pidNamespace !== self.pidNamespace) return false;
    // A /proc of another namespace counts other processes by these ids.
    if (orEmpty(() => readlinkSync('/proc/self')) !== String(process.pid)) return false;
    return startTimeOf(owner.pid) !== owner.startTime;
  },
};

/** Reads an `owner` file; undefined where it is not one: then nothing is certain. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner;
    return typeof owner.hostname === 'string' && Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}
