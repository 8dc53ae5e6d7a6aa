import { expect, it } from 'vitest';
import { FolderSync } from './folder-sync.ts';

/** A disk whose syncs end when the test says so. */
function controlled(): { readonly folder: FolderSync; readonly begun: ((error?: Error) => void)[] } {
  const begun: ((error?: Error) => void)[] = [];
  const folder = new FolderSync(
    () =>
      new Promise((resolve, reject) => {
        begun.push((error) => (error ? reject(error) : resolve()));
      }),
  );
  return { folder, begun };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const outcome = (promise: Promise<void>): Promise<unknown> =>
  promise.then(
    () => 'synced',
    (error: Error) => error.message,
  );

it('begins one sync for all who ask while another is under way', async () => {
  const { folder, begun } = controlled();
  const { mark } = folder;
  const all = [folder.sync(mark), folder.sync(mark), folder.sync(mark)].map(outcome);
  begun[0]!();
  await turn();
  expect(begun).toHaveLength(2);
  begun[1]!();
  expect(await Promise.all(all)).toEqual(['synced', 'synced', 'synced']);
});

it('fails for every name that was made before a failure, whoever was told of it', async () => {
  const { folder, begun } = controlled();
  const { mark } = folder;
  const told = outcome(folder.sync(mark));
  const waiting = outcome(folder.sync(mark));
  begun[0]!(new Error('EIO'));
  await turn();
  begun[1]!();
  expect(await told).toBe('EIO');
  expect(await waiting).toBe('EIO');
  const later = outcome(folder.sync(mark));
  begun[2]!();
  expect(await later).toBe('EIO');
  const anew = outcome(folder.sync(folder.mark));
  begun[3]!();
  expect(await anew).toBe('synced');
});

it('never has two under way, whenever the next one is asked for', async () => {
  const { folder, begun } = controlled();
  const { mark } = folder;
  void folder.sync(mark);
  void folder.sync(mark);
  begun[0]!();
  for (let microtasks = 0; microtasks < 8; microtasks += 1) {
    await Promise.resolve();
    void folder.sync(mark);
  }
  await turn();
  expect(begun).toHaveLength(2);
});
