/** Zones below `test.` with signatures, or without, or with bad ones: by ldns, with `test.` itself as the trust anchor. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { zoneText } from './dns.ts';
import { run, runOk } from './processes.ts';

export interface SignedZone {
  readonly records: readonly string[];
  /** Good signatures where absent; `none`: its parent says that it has no keys; `expired`: they were good once. */
  readonly signatures?: 'none' | 'expired';
  /** Done to the master file once it is signed: what it then says is bogus. */
  readonly spoil?: (text: string) => string;
}

/** Writes the zones to files of their names in the folder, `test` among them. Resolves to the file with the key of `test.`. */
export async function signZones(
  folder: string,
  zones: Readonly<Record<string, SignedZone>>,
): Promise<string> {
  const delegations: string[] = [];
  for (const [name, { records, signatures, spoil }] of Object.entries(zones)) {
    delegations.push(`${name}. NS ns.invalid.`);
    const file = join(folder, name);
    writeFileSync(file, zoneText(name, records));
    if (signatures === 'none') continue;
    const period = signatures === 'expired' ? ['-i', '20200101', '-e', '20200201'] : [];
    const keys = await newKeys(folder, name);
    await sign(file, keys, period);
    delegations.push(readFileSync(`${join(folder, keys[0])}.ds`, 'utf8').trim());
    if (spoil !== undefined) writeFileSync(file, changed(readFileSync(file, 'utf8'), spoil));
  }
  const file = join(folder, 'test');
  writeFileSync(file, zoneText('test', delegations));
  const keys = await newKeys(folder, 'test');
  await sign(file, keys, []);
  return `${join(folder, keys[0])}.key`;
}

/** Names of a key for keys and of one for the zone. */
async function newKeys(folder: string, zone: string): Promise<[string, string]> {
  const make = async (...flags: string[]): Promise<string> => {
    // It writes to its working directory.
    const script = ['-c', 'cd "$1" && shift && exec "$@"', 'sh', folder, program('ldns-keygen')];
    const made = await run('sh', [...script, ...flags, '-a', 'ECDSAP256SHA256', `${zone}.`]);
    if (made.code !== 0) throw new Error(made.stderr);
    return made.stdout.trim();
  };
  return [await make('-k'), await make()];
}

async function sign(
  file: string,
  [kskName, zskName]: [string, string],
  period: readonly string[],
): Promise<void> {
  const folder = join(file, '..');
  const keys = [kskName, zskName].map((name) => join(folder, name));
  await runOk(program('ldns-signzone'), [...period, '-f', `${file}.signed`, file, ...keys]);
  writeFileSync(file, readFileSync(`${file}.signed`));
}

function changed(text: string, change: (text: string) => string): string {
  const result = change(text);
  if (result === text) throw new Error('nothing was spoiled');
  return result;
}
