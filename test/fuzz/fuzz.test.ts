import { expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { fuzz, processorMs } from './fuzz.ts';
import { mutate } from './mutate.ts';
import { type Target, targets } from './targets.ts';

it.each(Object.keys(targets))(
  '%s: what it begins from, and what is made of that, is as it has to be',
  async (name) => {
    const target = targets[name]!;
    const random = seeded(7);
    const corpus = target.corpus.map((text) => Buffer.from(text, 'latin1'));
    for (const input of corpus) await target.run(input);
    for (let i = 0; i < 300; i += 1) {
      const input = mutate(corpus, target.words, random);
      await expect(Promise.resolve(target.run(input)), input.toString('base64')).resolves.toBeUndefined();
    }
  },
);

it('finds what is hidden behind three steps, as it keeps what got further', async () => {
  const deep: Target = {
    corpus: ['aaaa'],
    words: ['PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n'],
    run(bytes) {
      targets['proxy']!.run(bytes);
      if (bytes.toString('latin1').startsWith('PROXY TCP4 192')) throw new Error('found');
    },
  };
  const { finding } = await fuzz({
    ...{ target: deep, corpus: [], seconds: 60, inputs: 20_000, clock: systemClock, random: seeded(1) },
    processor: processorMs,
  });
  expect(finding?.error.message).toBe('found');
});

it('finds what takes too much of a processor, and nothing where only the world stood still', async () => {
  const nothing: Target = { corpus: ['aaaa'], words: ['b'], run: () => {} };
  let spent = 0;
  const run = (step: number) => {
    // Between two looks: what an input has cost.
    const processor = () => {
      spent += step;
      return spent;
    };
    // An hour goes by with each input.
    let now = 0;
    const clock = {
      monotonic: () => {
        now += 3_600_000;
        return now;
      },
    };
    const options = { target: nothing, corpus: [], seconds: 180_000, clock, processor, random: seeded(1) };
    return fuzz(options);
  };
  expect((await run(2001)).finding?.error.message).toMatch(/^it took 2001 ms/);
  expect((await run(1999)).finding).toBeUndefined();
});
