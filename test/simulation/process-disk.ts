/**
 * The disk as one process has it: each operation takes its virtual time, meets the faults that strike it, lands on the
 * node's view of the volume, and is answered, if anybody is left to hear it.
 */
import type { Disk, DiskFile } from '../../mta/queue/disk.ts';
import { diskError } from '../../mta/queue/testing/memory-disk.ts';
import type { OperationFault } from './faults.ts';
import type { Process } from './machine.ts';
import type { OperationKind, State } from './states.ts';
import type { Handle, View } from './view.ts';

export interface Operation {
  readonly process: Process;
  readonly kind: OperationKind;
  readonly path: string;
  readonly to: string | undefined;
  readonly state: State;
  fault: OperationFault | undefined;
}

export interface DiskWorld {
  /** Chance that what is written goes to the server before anybody asks for it. */
  readonly earlyFlush: number;
  /** An operation is begun: a fault may strike it, or whoever does it. `landsAt` is when it will be done. */
  begun(operation: Operation, landsAt: number): void;
  /** An operation has been done at the server. */
  landed(operation: Operation): void;
}

/** Typical virtual ms that an operation takes. */
const TYPICAL: Partial<Record<OperationKind, number>> = { sync: 4, syncDirectory: 3, write: 1, rename: 1.5 };

export class ProcessDisk implements Disk {
  readonly #process: Process;
  readonly #view: View;
  readonly #world: DiskWorld;

  constructor(process: Process, world: DiskWorld) {
    this.#process = process;
    this.#view = process.machine.view;
    this.#world = world;
  }

  makeDirectory(path: string): Promise<void> {
    return this.#do('makeDirectory', path, () => this.#view.makeDirectory(path));
  }

  async create(path: string, { synchronous = false } = {}): Promise<DiskFile> {
    const handle = await this.#do('create', path, () => this.#view.create(path));
    // It may, or it may not.
    return this.#file(handle, synchronous && this.#view.server.dice.chance(0.25));
  }

  async open(path: string): Promise<DiskFile> {
    return this.#file(await this.#do('open', path, () => this.#view.open(path)));
  }

  openWritable(path: string): Promise<DiskFile> {
    return this.open(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', from, () => this.#view.rename(from, to), { to });
  }

  link(from: string, to: string): Promise<void> {
    return this.#do('link', from, () => this.#view.link(from, to), { to });
  }

  unlink(path: string): Promise<void> {
    return this.#do('unlink', path, () => this.#view.unlink(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#do('removeDirectory', path, () => this.#view.removeDirectory(path));
  }

  list(path: string): Promise<string[]> {
    return this.#do('list', path, () => this.#view.list(path));
  }

  exists(path: string): Promise<boolean> {
    return this.#do('exists', path, () => this.#view.exists(path));
  }

  syncDirectory(path: string): Promise<void> {
    const upTo = this.#view.lastChange(path);
    return this.#do('syncDirectory', path, () => this.#view.syncDirectory(path, upTo));
  }

  freeBytes(path: string): Promise<number> {
    return this.#do('freeBytes', path, () => Math.min(this.#view.server.room, 1 << 30));
  }

  #file(handle: Handle, synchronous = false): DiskFile {
    const { path } = handle;
    const { earlyFlush } = this.#world;
    const view = this.#view;
    return {
      write: (buffers, position) =>
        this.#do('write', path, () => view.write(handle, buffers, position, { earlyFlush, synchronous }), {
          position,
          short: () => view.writeShort(handle, buffers, position, earlyFlush),
        }),
      read: (target, position) =>
        this.#do('read', path, () => view.read(handle, target, position), { position }),
      sync: () => this.#do('sync', path, () => view.sync(handle), { inVain: () => view.syncInVain(handle) }),
      size: () => this.#do('size', path, () => view.size(handle)),
      close: () => this.#do('close', path, () => view.close(handle)),
    };
  }

  #do<T>(kind: OperationKind, path: string, effect: () => T, more: More = {}): Promise<T> {
    const process = this.#process;
    const state = process.tracker.stateOf(kind, path, more.to, more.position ?? 0);
    const operation: Operation = { process, kind, path, to: more.to, state, fault: undefined };
    const { loop, dice } = this.#view.server;
    const typical = (TYPICAL[kind] ?? 0.5) * (dice.chance(0.02) ? 40 : 1);
    const landsAt = loop.now + typical * (0.2 + dice.fraction());
    process.enter(state);
    return new Promise((resolve, reject) => {
      const flight = { operation, effect, more, delayed: false, resolve, reject };
      this.#world.begun(operation, landsAt);
      loop.at(landsAt, () => this.#land(flight));
    });
  }

  #land<T>(flight: Flight<T>): void {
    const { operation } = flight;
    const { process } = operation;
    const { machine } = process;
    const { server } = this.#view;
    const { loop, dice } = server;
    // Of what a process had under way when it died, some happens and some doesn't.
    if (!process.alive && dice.chance(0.5)) return;
    const wait = Math.max(server.downUntil, machine.outageFails ? 0 : machine.outageUntil);
    if (wait > loop.now) {
      loop.at(wait + dice.fraction() * 50, () => this.#land(flight));
      return;
    }
    if (operation.fault === 'slow') {
      operation.fault = undefined;
      loop.at(loop.now + 300 + dice.fraction() * 9000, () => this.#land(flight));
      return;
    }
    if (operation.fault === 'error' && !flight.delayed && dice.chance(0.5)) {
      // A disk that fails has tried for a while.
      flight.delayed = true;
      loop.at(loop.now + dice.fraction() * 1500, () => this.#land(flight));
      return;
    }
    const isAway = machine.outageUntil > loop.now;
    this.#answer(flight, isAway ? failed('EIO', operation) : this.#outcome(flight));
  }

  #outcome<T>(flight: Flight<T>): Outcome<T> {
    const { operation, more } = flight;
    const { loop, dice } = this.#view.server;
    switch (operation.fault) {
      case 'error':
        this.#attempt(operation, () => more.inVain?.());
        return failed('EIO', operation);
      case 'late':
        loop.at(loop.now + dice.fraction() * 12_000, () => void this.#try(flight));
        return failed('ETIMEDOUT', operation);
      case 'lost reply':
        this.#try(flight);
        return failed('EIO', operation);
      case 'short write':
        this.#attempt(operation, () => more.short?.());
        return failed('ESHORT', operation);
      default:
        return this.#try(flight);
    }
  }

  #try<T>({ operation, effect }: Flight<T>): Outcome<T> {
    const outcome = this.#attempt(operation, effect);
    if ('value' in outcome) this.#world.landed(operation);
    return outcome;
  }

  #attempt<T>(operation: Operation, effect: () => T): Outcome<T> {
    try {
      return { value: effect() };
    } catch (error) {
      return typeof (error as { code?: unknown }).code === 'string'
        ? { error: error as Error }
        : failed(`EDEFECT ${(error as Error).stack}`, operation);
    }
  }

  #answer<T>({ operation, resolve, reject }: Flight<T>, outcome: Outcome<T>): void {
    const { process, state } = operation;
    const answer = (): void => {
      process.leave(state);
      if ('error' in outcome) reject(outcome.error);
      else resolve(outcome.value as T);
    };
    process.deliver(answer);
  }
}

interface More {
  readonly to?: string;
  readonly position?: number;
  /** What a write that comes up short does. */
  readonly short?: () => void;
  /** What an operation that fails does all the same. */
  readonly inVain?: () => void;
}

interface Flight<T> {
  readonly operation: Operation;
  readonly effect: () => T;
  readonly more: More;
  delayed: boolean;
  resolve(value: T): void;
  reject(error: Error): void;
}

type Outcome<T> = { readonly value: T } | { readonly error: Error };

const failed = (code: string, { kind, path }: Operation): { readonly error: Error } => ({
  error: diskError(code, { operation: kind, path }),
});
