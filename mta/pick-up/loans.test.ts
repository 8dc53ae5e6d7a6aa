import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { systemRandom } from '../random.ts';
import { BorrowedSocket } from './borrowed-socket.ts';
import { Loans } from './loans.ts';

class StillClock implements Clock {
  time = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();
  now = () => this.time;
  monotonic = () => this.time;
  after(ms: number, callback: () => void) {
    const timer = { at: this.time + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
  soon(callback: () => void) {
    setImmediate(callback);
  }
  pass(ms: number): void {
    this.time += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.time) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

/** A connection of which the test has the other end. */
function connection() {
  const [toUs, toThem] = [new PassThrough(), new PassThrough()];
  const socket = Duplex.from({ readable: toUs, writable: toThem });
  socket.on('error', () => {});
  return { socket, toUs, toThem };
}

const open = () => {
  const clock = new StillClock();
  return { clock, loans: new Loans(clock, systemRandom, (id) => `0.${id}`), ...connection() };
};

/** Until what is under way in this process has arrived. */
const passage = () => new Promise((resolve) => setImmediate(resolve));

const good = { alive: true, needsReset: false };

describe('a connection that is lent', () => {
  it('goes from one borrower to the next, none of which gets what was said to another', async () => {
    const { loans, socket, toUs, toThem } = open();
    const first = loans.lend(socket);
    const waiting = loans.lent(first.name).receive();
    loans.giveBack(first.name, good);
    await expect(first.over).resolves.toEqual(good);
    expect((await waiting).data.toString()).toBe('');
    const second = loans.lend(socket);
    toUs.write('250 Ok\r\n');
    expect((await loans.lent(second.name).receive()).data.toString()).toBe('250 Ok\r\n');
    await loans.lent(second.name).send(Buffer.from('QUIT\r\n'));
    expect(String(toThem.read())).toBe('QUIT\r\n');
    // The first one's calls come too late.
    expect(() => loans.lent(first.name).receive()).toThrow('the loan is over');
    expect(() => loans.lent(first.name).send(Buffer.from('x'))).toThrow('the loan is over');
  });

  it('ends when a borrower is not heard any more: nobody knows how the conversation stands', async () => {
    const { clock, loans, socket } = open();
    const { name, over } = loans.lend(socket);
    clock.pass(40_000);
    await loans.lent(name).send(Buffer.from('NOOP\r\n'));
    clock.pass(40_000);
    expect(socket.destroyed).toBe(false);
    clock.pass(45_000);
    await expect(over).resolves.toEqual({ alive: false, needsReset: true });
    expect(socket.destroyed).toBe(true);
  });

  it('ends when a borrower says that the conversation is broken', async () => {
    const { loans, socket } = open();
    const { name, over } = loans.lend(socket);
    loans.giveBack(name, { alive: false, needsReset: true });
    await over;
    expect(socket.destroyed).toBe(true);
  });

  it('answers with nothing when nothing comes for a while, and says when it has ended', async () => {
    const { clock, loans, socket, toUs } = open();
    const { name } = loans.lend(socket);
    const lent = loans.lent(name);
    const nothing = lent.receive();
    clock.pass(10_000);
    expect(await nothing).toEqual({ data: Buffer.alloc(0), ended: false });
    toUs.end('221 bye\r\n');
    let said = '';
    for (let ended = false; !ended; ) {
      const got = await lent.receive();
      said += got.data.toString();
      ended = got.ended;
    }
    expect(said).toBe('221 bye\r\n');
  });
});

describe('a borrowed connection as a stream', () => {
  it('gives all that was said, and closes with the other side', async () => {
    const { loans, socket, toUs, toThem } = open();
    const borrowed = new BorrowedSocket(loans.lent(loans.lend(socket).name));
    const closed = new Promise((resolve) => void borrowed.once('close', resolve));
    let said = '';
    borrowed.on('data', (chunk) => {
      said += String(chunk);
    });
    borrowed.write('EHLO a\r\n');
    toUs.write('250-a\r\n');
    toUs.end('250 b\r\n');
    await closed;
    expect(said).toBe('250-a\r\n250 b\r\n');
    expect(String(toThem.read())).toBe('EHLO a\r\n');
  });

  it('takes nothing of what is said to the next borrower, when it is closed', async () => {
    const { clock, loans, socket, toUs } = open();
    const lent = loans.lent(loans.lend(socket).name);
    const first = new BorrowedSocket(lent);
    const closed = new Promise((resolve) => void first.once('close', resolve));
    first.resume();
    await passage();
    first.destroy();
    await closed;
    toUs.write('250 Ok\r\n');
    await passage();
    const second = lent.receive();
    clock.pass(10_000);
    expect((await second).data.toString()).toBe('250 Ok\r\n');
  });

  it('closes though its question comes later than the word that it needs no answer', async () => {
    const { loans, socket } = open();
    const lent = loans.lent(loans.lend(socket).name);
    const late = { ...lent, receive: () => passage().then(() => lent.receive()) };
    const borrowed = new BorrowedSocket(late);
    const closed = new Promise((resolve) => void borrowed.once('close', resolve));
    borrowed.read(0);
    borrowed.destroy();
    await closed;
  });

  it('fails where the loan is over', async () => {
    const { loans, socket } = open();
    const { name } = loans.lend(socket);
    loans.giveBack(name, good);
    const borrowed = new BorrowedSocket(loans.lent(name));
    const failed = new Promise<Error>((resolve) => void borrowed.once('error', resolve));
    borrowed.resume();
    expect((await failed).message).toBe('the loan is over');
  });
});
