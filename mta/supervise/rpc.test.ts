import { describe, expect, it } from 'vitest';
import { PostriderError } from '../errors.ts';
import { type Channel, remote, serve } from './rpc.ts';

/** Two ends of one channel, with what a process channel does to messages: they are copies. */
function channels(): [Channel, Channel, () => void] {
  const listeners: ((message: unknown) => void)[][] = [[], []];
  const closers: (() => void)[] = [];
  const end = (mine: number): Channel => ({
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => listeners[1 - mine]!.forEach((listener) => void listener(copy)));
    },
    onMessage: (listener) => listeners[mine]!.push(listener),
    onClose: (listener) => closers.push(listener),
  });
  return [end(0), end(1), () => closers.forEach((close) => void close())];
}

type Calls = {
  add(a: number, b: number): Promise<number>;
  refuse(): Promise<void>;
  hang(): Promise<void>;
};

describe('calls between processes', () => {
  it('answers each call with its own result', async () => {
    const [ours, theirs] = channels();
    serve(theirs, { add: async (a: number, b: number) => a + b });
    const calls = remote<Calls>(ours);
    expect(await Promise.all([calls.add(1, 2), calls.add(3, 4)])).toEqual([3, 7]);
  });

  it('carries a refusal with its code and hint', async () => {
    const [ours, theirs] = channels();
    serve(theirs, {
      refuse: async () => {
        throw new PostriderError('PortInUse', 'port 25 is taken', { hint: 'free it' });
      },
    });
    const refusal = await remote<Calls>(ours)
      .refuse()
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(PostriderError);
    expect(refusal).toMatchObject({ code: 'PortInUse', message: 'port 25 is taken', hint: 'free it' });
  });

  it('rejects what waits when the other side ends, and what is called afterwards', async () => {
    const [ours, theirs, close] = channels();
    serve(theirs, { hang: () => new Promise(() => {}) });
    const calls = remote<Calls>(ours);
    const hanging = calls.hang();
    close();
    await expect(hanging).rejects.toThrow('ended');
    await expect(calls.hang()).rejects.toThrow('ended');
  });
});
