import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import {
  citationRule,
  dependencyRule,
  LONGEST_FILE,
  lengthRule,
  linksOf,
  processRule,
  timeRule,
} from './rules.ts';
import { codeOf, importsOf, ROOT, sources } from './sources.ts';

const PARTS = ['mta', 'operator', 'cli', 'crds', 'scripts', 'test'];
const tree = sources(PARTS, '.ts');

/** Files above the limit, and why. */
const LONG_FILES = new Map<string, string>();

describe('the sources', () => {
  it('are found', () => {
    expect(tree.map(({ path }) => path)).toContain('mta/config.ts');
    expect(tree.length).toBeGreaterThan(20);
  });

  it('depend in one direction, and each library has its home', () => {
    expect(tree.flatMap(dependencyRule)).toEqual([]);
  });

  it('use process.env and process.exit in main.ts only', () => {
    expect(tree.flatMap(processRule)).toEqual([]);
  });

  it('take time and chance as parameters', () => {
    expect(tree.flatMap(timeRule)).toEqual([]);
  });

  it(`are not longer than ${LONGEST_FILE} lines`, () => {
    expect(tree.flatMap(lengthRule(LONG_FILES))).toEqual([]);
  });

  it('cite RFCs in one form', () => {
    expect(tree.filter(({ path }) => !path.startsWith('test/architecture/')).flatMap(citationRule)).toEqual(
      [],
    );
  });

  it('list no long file that is gone or has become short', () => {
    const stale = [...LONG_FILES.keys()].filter((path) => {
      const source = tree.find((each) => each.path === path);
      return source === undefined || lengthRule(new Map())(source).length === 0;
    });
    expect(stale).toEqual([]);
  });
});

describe('documents and examples', () => {
  const documents = [
    ...sources(['docs', 'examples', 'mta', 'operator', 'cli', 'charts', 'test'], '.md'),
    ...sources(['.'], '.md').filter(({ path }) => !path.includes('/')),
  ];

  it('link to files that exist', () => {
    const broken = documents.flatMap((document) =>
      linksOf(document)
        .filter((link) => !existsSync(join(ROOT, link)))
        .map((link) => `${document.path} links to ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('are YAML where they say so', () => {
    const wrong = sources(['examples'], '.yaml').flatMap(({ path, text }) =>
      parseAllDocuments(text).flatMap((document) =>
        document.errors.map((error) => `${path}: ${error.message}`),
      ),
    );
    expect(wrong).toEqual([]);
  });
});

describe('a violation is found:', () => {
  const at = (path: string, text: string) => ({ path, text });

  it.each([
    ['mta/flow.ts', "import { x } from '../operator/compile/compile.ts';"],
    ['mta/flow.ts', "import { x } from '../crds/mta.ts';"],
    ['mta/flow.ts', "export * from '../cli/main.ts';"],
    ['operator/compile/compile.ts', "import type { Queue } from '../../mta/queue/types.ts';"],
    ['crds/mta.ts', "import '../operator/main.ts';"],
    ['operator/compile/compile.ts', "const { KubeConfig } = await import('@kubernetes/client-node');"],
    ['mta/deliver/session.ts', "import { SMTPConnection } from 'smtp-server/lib/smtp-connection';"],
    ['mta/listen/server.ts', "import {\n  createTransport,\n} from 'nodemailer';"],
    ['mta/queue/lane.ts', "import { disk } from './testing/disk.ts';"],
  ])('%s may not say %s', (path, text) => {
    expect(dependencyRule(at(path, text))).toHaveLength(1);
  });

  it.each([
    ['operator/compile/compile.ts', "import type { MtaConfig } from '../../mta/config.ts';"],
    ['operator/compile/compile.ts', "import { mta } from '../../crds/mta.ts';"],
    ['operator/kube/work-queue.ts', "import type { Clock } from '../../mta/clock.ts';"],
    ['operator/kube/work-queue.test.ts', "import { TestClock } from '../../mta/testing/test-clock.ts';"],
    ['cli/up.ts', "import { compile } from '../operator/compile/compile.ts';"],
    ['mta/listen/server.ts', "import { SMTPConnection } from 'smtp-server/lib/smtp-connection';"],
    ['mta/flow.ts', "// import { x } from '../cli/main.ts'\nimport { readFileSync } from 'node:fs';"],
    ['mta/queue/lane.test.ts', "import { disk } from './testing/disk.ts';"],
  ])('%s may say %s', (path, text) => {
    expect(dependencyRule(at(path, text))).toEqual([]);
  });

  it('process.env outside of main.ts', () => {
    expect(processRule(at('mta/flow.ts', 'const home = process.env.HOME;'))).toHaveLength(1);
    expect(processRule(at('mta/flow.ts', 'process.exit(1)'))).toHaveLength(1);
    expect(processRule(at('mta/main.ts', 'process.exit(1)'))).toEqual([]);
    expect(processRule(at('mta/flow.ts', '// process.exit'))).toEqual([]);
  });

  it('the real clock outside of clock.ts', () => {
    expect(timeRule(at('mta/flow.ts', 'const now = Date.now();'))).toHaveLength(1);
    expect(timeRule(at('mta/flow.ts', 'setTimeout(go, 5)'))).toHaveLength(1);
    expect(timeRule(at('mta/flow.ts', 'socket.setTimeout(5)'))).toEqual([]);
    expect(timeRule(at('mta/clock.ts', 'Date.now()'))).toEqual([]);
    expect(timeRule(at('mta/flow.test.ts', 'Date.now()'))).toEqual([]);
  });

  it('a long file that is not listed', () => {
    const long = at('mta/flow.ts', 'x\n'.repeat(LONGEST_FILE + 1));
    expect(lengthRule(new Map())(long)).toHaveLength(1);
    expect(lengthRule(new Map([['mta/flow.ts', 'because']]))(long)).toEqual([]);
  });

  it('an RFC in another form', () => {
    expect(citationRule(at('mta/flow.ts', '// RFC5321 says'))).toHaveLength(1);
    expect(citationRule(at('mta/flow.ts', '// RFC 5321 §4.2 says'))).toEqual([]);
  });

  it('a broken link', () => {
    expect(
      linksOf(at('docs/a.md', 'see [b](b.md#c), [d](https://example.org) and [e](../mta/e.ts)')),
    ).toEqual(['docs/b.md', 'mta/e.ts']);
  });
});

describe('the reader of sources', () => {
  it('blanks comments and leaves quoted text', () => {
    expect(codeOf("a // b\n'// c' /* d\n e */ f")).toBe(`a     \n'// c'     \n      f`);
  });

  it('finds imports of every form', () => {
    const text = `import a from 'a';\nimport type {\n  b,\n} from "b";\nimport 'c';\nexport { d } from 'd';\nconst e = await import('e');`;
    expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
