/** Mail from and to mail servers of others, by every extension that they share with us. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { describeUnless } from '../../support/debian.ts';
import { startExim } from '../../support/foreign/exim.ts';
import { startHaraka } from '../../support/foreign/haraka.ts';
import { startMaddy } from '../../support/foreign/maddy.ts';
import { startOpenSmtpd } from '../../support/foreign/opensmtpd.ts';
import { startPostfixAsForeign } from '../../support/foreign/postfix.ts';
import { isMissing, REMEDY } from '../../support/foreign/programs.ts';
import type { StartForeign } from '../../support/foreign/types.ts';
import { ROOT } from '../../support/mta.ts';
import { queue } from '../../support/queue.ts';
import { waitFor } from '../../support/wait.ts';
import { EXTENSIONS, isTried } from './extensions.ts';
import { Matrix } from './matrix.ts';
import { DIRECTIONS, openWorld, type World } from './world.ts';

const PAGE = join(ROOT, 'docs/interop.md');
const SERVERS: Readonly<Record<string, { readonly needs: readonly string[]; readonly start: StartForeign }>> =
  {
    postfix: { needs: ['root', 'postfix', 'dovecot'], start: startPostfixAsForeign },
    exim4: { needs: ['root', 'unshare', 'exim4'], start: startExim },
    opensmtpd: { needs: ['root', 'unshare', 'opensmtpd'], start: startOpenSmtpd },
    haraka: { needs: ['haraka'], start: startHaraka },
    maddy: { needs: ['maddy'], start: startMaddy },
  };

const matrix = new Matrix(Object.keys(EXTENSIONS));
const missing = Object.values(SERVERS).flatMap(({ needs }) => [...needs, 'openssl'].filter(isMissing));

for (const [name, { needs, start }] of Object.entries(SERVERS)) {
  describeUnless([...needs, 'openssl'].filter(isMissing), REMEDY, `mail from and to ${name}`, () => {
    let world: World;

    beforeAll(async () => {
      world = await openWorld(name, start);
      console.log(`${name} ${world.foreign.version} announces ${[...world.announced.theirs].join(', ')}`);
    });
    afterAll(() => world?.stop());

    it('shares no extension that is not tried here', () => {
      const { theirs, ours } = world.announced;
      expect(Object.keys(EXTENSIONS)).toEqual(
        expect.arrayContaining([...theirs].filter((each) => ours.has(each))),
      );
    });

    describe.each(DIRECTIONS)('it %s', (direction) => {
      it.each(Object.keys(EXTENSIONS))('%s', async (extension) => {
        if (!isTried(world, world.ways[direction], extension)) {
          matrix.notOffered(name, direction, extension);
          return;
        }
        onTestFailed(() => console.log(world.foreign.log()));
        await matrix.fill(name, direction, extension, () =>
          EXTENSIONS[extension]!(world, world.ways[direction]),
        );
      });
    });

    it('leaves nothing in our queue, and no message came twice', async () => {
      await waitFor('an empty queue', async () => (await queue(world.mta)).messages === 0);
      const arrived = world.sink.messages.flatMap(({ to }) => to);
      expect(arrived.filter((each, at) => arrived.indexOf(each) !== at)).toEqual([]);
    });
  });
}

describeUnless(missing, REMEDY, 'the matrix', () => {
  it('is the one of docs/interop.md', () => {
    const lines = matrix.lines(Object.keys(SERVERS));
    console.log(lines.join('\n'));
    expect(readFileSync(PAGE, 'utf8')).toContain(`\n${lines.join('\n')}\n`);
  });
});
