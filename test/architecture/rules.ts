/** The rules of the house as pure functions: a source in, the sentences that are wrong with it out. */
import { posix } from 'node:path';
import { codeOf, importsOf, type Source } from './sources.ts';

const isTest = (path: string) =>
  path.endsWith('.test.ts') || path.startsWith('test/') || path.includes('/testing/');

/**
 * What the operator has of the mta: the contract between them, what a key in it looks like, which certificate a name gets, and how time and chance
 * come in as parameters.
 */
const OF_MTA = new Set([
  'mta/config.ts',
  'mta/config-parts.ts',
  'mta/fleet/hosts.ts',
  'mta/signing-keys.ts',
  'mta/listen/server-name.ts',
  'mta/clock.ts',
  'mta/random.ts',
]);

/** What each part may import from the rest of the tree. Tests of a part may use `test/` and `mta/testing/` besides. */
const MAY_IMPORT: Record<string, (target: string) => boolean> = {
  mta: (target) => target.startsWith('mta/'),
  crds: (target) => target.startsWith('crds/'),
  operator: (target) => target.startsWith('operator/') || target.startsWith('crds/') || OF_MTA.has(target),
  cli: () => true,
  scripts: () => true,
  test: () => true,
};

/** Libraries that one folder alone may import. */
const LIBRARY_HOME: Record<string, string> = {
  '@kubernetes/client-node': 'operator/kube/',
  'smtp-server': 'mta/listen/',
  nodemailer: 'mta/deliver/',
};

export function dependencyRule({ path, text }: Source): string[] {
  const part = path.split('/')[0]!;
  const wrong: string[] = [];
  for (const name of importsOf(text)) {
    if (name.startsWith('.')) {
      const target = posix.normalize(posix.join(posix.dirname(path), name));
      const allowed = MAY_IMPORT[part]?.(target) ?? false;
      const testing = isTest(path) && (target.startsWith('test/') || target.startsWith('mta/testing/'));
      if (!allowed && !testing) wrong.push(`${path} imports ${target}, which ${part}/ may not`);
      // What is generated may be made from what tests are made from.
      if (!isTest(path) && part !== 'scripts' && isTest(target))
        wrong.push(`${path} imports ${target}, which is for tests`);
      continue;
    }
    for (const [library, home] of Object.entries(LIBRARY_HOME)) {
      const uses = name === library || name.startsWith(`${library}/`);
      if (uses && !path.startsWith(home) && !path.startsWith('test/')) {
        wrong.push(`${path} imports ${name}, which only ${home} may`);
      }
    }
  }
  return wrong;
}

/** `process.env` and `process.exit` belong to programs, not to what they are made of. */
export function processRule({ path, text }: Source): string[] {
  if (isTest(path) || posix.basename(path) === 'main.ts') return [];
  return [...codeOf(text).matchAll(/\bprocess\.(env|exit)\b/g)].map(
    ([use]) => `${path} uses ${use}: only main.ts may`,
  );
}

/** Where the real clock and the real dice are: everything else takes a Clock or a Random. */
const EFFECTS = new Set(['mta/clock.ts', 'mta/random.ts']);
const TIME_AND_CHANCE =
  /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bMath\.random\(|\b(?:setTimeout|setInterval)\(|\brandom(?:Bytes|UUID|Int)\(/g;

/**
 * In the mta and in the operator, time and chance come in as parameters, so that a test or the simulation can own them. A method of that name (`socket.setTimeout`) is no timer of ours.
 */
export function timeRule({ path, text }: Source): string[] {
  const bound = ['mta', 'operator', 'crds'].includes(path.split('/')[0]!);
  if (!bound || isTest(path) || EFFECTS.has(path) || posix.basename(path) === 'main.ts') return [];
  const code = codeOf(text);
  return [...code.matchAll(TIME_AND_CHANCE)]
    .filter(({ index }) => code[index - 1] !== '.')
    .map(([use]) => `${path} uses ${use}): take a Clock or a Random`);
}

export const LONGEST_FILE = 400;

/** A file above the limit is a decision, and stands in the list with its reason. */
export function lengthRule(listed: ReadonlyMap<string, string>): (source: Source) => string[] {
  return ({ path, text }) => {
    const lines = text.split('\n').length - 1;
    if (lines <= LONGEST_FILE || listed.has(path)) return [];
    return [`${path} has ${lines} lines: split it, or list it with the reason`];
  };
}

/** `// RFC 5321 §4.5.3.2.6` and nothing like it: what doesn't look so can't be indexed. */
export function citationRule({ path, text }: Source): string[] {
  return [...text.matchAll(/\bRFC(?:-|_|)(\d{3,5})\b/gi)]
    .filter(([match]) => !/^[a-z_]/.test(match))
    .map(([match]) => `${path} writes ${match}: RFCs are cited as RFC nnnn §x.y`);
}

/** Links of Markdown to files of the tree, resolved from the root. */
export function linksOf({ path, text }: Source): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '');
  return [...prose.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1]!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => posix.normalize(posix.join(posix.dirname(path), link)));
}
