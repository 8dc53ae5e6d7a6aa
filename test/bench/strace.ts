/** Reads the log of `strace -f -yy -ttt -T`: one line per call, or two where another thread came in between. */

interface Call {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly began: number;
  ended: number;
  /** `12<TCP:[127.0.0.1:2525->127.0.0.1:40000]>`. */
  readonly descriptor: string;
  /** Arguments after the descriptor and the result, as strace prints them. */
  text: string;
}

const WHOLE = /^(\d+)\s+(\d+\.\d+) (\w+)\((\d+<[^>]*(?:->[^>]*)?>)(.*?) = -?\d+.*<(\d+\.\d+)>$/;
const BEGUN = /^(\d+)\s+(\d+\.\d+) (\w+)\((\d+<[^>]*(?:->[^>]*)?>)(.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+)\s+(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$/;

/** Calls in the order in which they began. Lines of other kinds are skipped, as are calls that failed to begin. */
export function parseStrace(log: string): Call[] {
  const calls: Call[] = [];
  const open = new Map<string, Call>();
  for (const line of log.split('\n')) {
    const whole = WHOLE.exec(line);
    if (whole !== null) {
      const [, , began, name, descriptor, text, took] = whole;
      calls.push({
        name: name!,
        began: Number(began),
        ended: Number(began) + Number(took),
        descriptor: descriptor!,
        text: text!,
      });
      continue;
    }
    const begun = BEGUN.exec(line);
    if (begun !== null) {
      const [, thread, began, name, descriptor, text] = begun;
      const call = {
        name: name!,
        began: Number(began),
        ended: Number.POSITIVE_INFINITY,
        descriptor: descriptor!,
        text: text!,
      };
      calls.push(call);
      open.set(thread!, call);
      continue;
    }
    const resumed = RESUMED.exec(line);
    const call = resumed === null ? undefined : open.get(resumed[1]!);
    if (resumed !== null && call !== undefined && call.name === resumed[3]) {
      call.ended = Number(resumed[2]);
      call.text += resumed[4];
      open.delete(resumed[1]!);
    }
  }
  return calls;
}

/** Of a file that was opened with O_SYNC or O_DSYNC each write is a sync. */
const OPENED = /openat\(.*\bO_D?SYNC\b.* = \d+<([^>]*)>/g;
const WRITES = new Set(['write', 'writev', 'pwrite64', 'pwritev']);

function syncsIn(log: string, calls: readonly Call[]): Call[] {
  const synchronous = new Set(Array.from(log.matchAll(OPENED), ([, path]) => path));
  const path = (call: Call) => call.descriptor.slice(call.descriptor.indexOf('<') + 1, -1);
  return calls.filter(
    (call) =>
      call.name === 'fsync' ||
      call.name === 'fdatasync' ||
      (WRITES.has(call.name) && synchronous.has(path(call))),
  );
}

export function countSyncs(log: string): number {
  return syncsIn(log, parseStrace(log)).length;
}

export interface Acknowledgement {
  /** When the read that brought the final dot had ended, and when the write of the 250 began. */
  readonly dot: number;
  readonly reply: number;
  /** Syncs that began after the one and had ended before the other. */
  readonly syncs: number;
}

/** Every final dot received on a connection to `port`, and the 250 that answered it. */
export function acknowledgements(log: string, port: number): Acknowledgement[] {
  const calls = parseStrace(log);
  const syncs = syncsIn(log, calls);
  const found: Acknowledgement[] = [];
  const dots = new Map<string, number>();
  const ours = new RegExp(`\\[127\\.0\\.0\\.1:${port}->`);
  for (const call of calls) {
    if (!ours.test(call.descriptor)) continue;
    if (/^(read|readv|recvfrom)$/.test(call.name)) {
      if (/\.\\r\\n"/.test(call.text)) dots.set(call.descriptor, call.ended);
      continue;
    }
    const dot = dots.get(call.descriptor);
    if (dot === undefined || !/"250[ -]/.test(call.text)) continue;
    dots.delete(call.descriptor);
    const between = syncs.filter((sync) => sync.began >= dot && sync.ended <= call.began);
    found.push({ dot, reply: call.began, syncs: between.length });
  }
  return found;
}
