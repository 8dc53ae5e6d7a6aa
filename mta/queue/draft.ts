/**
 * A message on its way in: in memory while it is small, in a body file from then on. Commits once. A body file that no
 * record names goes with the draft.
 */
import type { Envelope } from '../envelope.ts';
import { smtpError } from '../errors.ts';
import type { BodyWriter } from './body-writer.ts';
import type { BodyFile } from './format/message.ts';
import type { Draft, Job, QueueId } from './types.ts';

export interface DraftHome {
  readonly inlineBytes: number;
  /** The draft has been handed over with `accept`, or dropped. Called once. */
  onEnd(): void;
  openBody(): { readonly name: string; readonly writer: BodyWriter };
  accept(
    content: { readonly size: number; readonly body: BodyFile | Buffer },
    envelope: Envelope,
    jobs: readonly Job[],
  ): Promise<void>;
}

export class LaneDraft implements Draft {
  readonly id: QueueId;
  readonly #home: DraftHome;
  #size = 0;
  #chunks: Buffer[] = [];
  #file: { readonly name: string; readonly writer: BodyWriter } | undefined;
  #state: 'open' | 'committing' | 'ended' = 'open';

  constructor(id: QueueId, home: DraftHome) {
    this.id = id;
    this.#home = home;
  }

  get size(): number {
    return this.#size;
  }

  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#state !== 'open') throw smtpError('localError', { detail: 'the draft has ended' });
    this.#size += chunk.length;
    if (this.#file) return this.#file.writer.write(chunk);
    this.#chunks.push(chunk);
    if (this.#size <= this.#home.inlineBytes) return undefined;
    this.#file = this.#home.openBody();
    const chunks = this.#chunks;
    this.#chunks = [];
    let wait: Promise<void> | undefined;
    for (const one of chunks) wait = this.#file.writer.write(one);
    return wait;
  }

  async commit(envelope: Envelope, jobs: readonly Job[]): Promise<void> {
    if (this.#state !== 'open') throw smtpError('localError', { detail: 'the draft has ended' });
    this.#state = 'committing';
    const chunks = this.#chunks;
    this.#chunks = [];
    try {
      await this.#file?.writer.finish();
    } catch (error) {
      await this.#drop();
      throw error;
    }
    this.#state = 'ended';
    this.#home.onEnd();
    const file = this.#file;
    const body = file ? { name: file.name, crc: file.writer.crc } : oneBuffer(chunks, this.#size);
    // Where this fails the record may count all the same: the lane decides what becomes of the body.
    await this.#home.accept({ size: this.#size, body }, envelope, jobs);
  }

  async abort(): Promise<void> {
    // A commit under way decides by itself; a message that was committed is no draft any more.
    if (this.#state === 'open') await this.#drop();
  }

  async #drop(): Promise<void> {
    this.#state = 'ended';
    this.#home.onEnd();
    this.#chunks = [];
    await this.#file?.writer.abort();
  }
}

/** A buffer of its own: a chunk may be a slice of a much larger read that would stay in memory with it. */
function oneBuffer(chunks: readonly Buffer[], size: number): Buffer {
  const [only] = chunks;
  if (chunks.length === 1 && only && only.buffer.byteLength <= 2 * only.length) return only;
  const whole = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(whole, at);
  return whole;
}
