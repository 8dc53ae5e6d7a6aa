/** An MTA-STS policy as its domain writes it (RFC 8461 §3.2), and which hosts it allows (§4.1). Pure. */

export type StsMode = 'enforce' | 'testing' | 'none';

export interface StsPolicy {
  readonly mode: StsMode;
  /** Seconds for which it counts, from its fetch on. */
  readonly maxAge: number;
  /** In lower case: `mail.example.com`, or `*.example.net` for one label more. */
  readonly mx: readonly string[];
}

/** RFC 8461 §3.2. */
export const LONGEST_AGE = 31_557_600;

/** A name, as RFC 8461 §3.2 has its fields, and what follows the colon. */
const FIELD = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*?)[ \t]*$/s;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/;
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const PATTERN = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`, 'i');
const MODES: readonly string[] = ['enforce', 'testing', 'none'] satisfies StsMode[];

/** The policy, or why it is none, in a sentence. Fields that nobody knows are ignored, as are empty lines. */
export function parsePolicy(body: Uint8Array): StsPolicy | string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return 'it is not UTF-8';
  }
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^[ \t]*$/.test(line)) continue;
    const [, name, value = ''] = FIELD.exec(line) ?? [];
    if (name === undefined || CONTROL.test(value)) return `line ${index + 1} is not a field`;
    if (name === 'mx') mx.push(value);
    // RFC 8461 §3.2: of a field that is there twice the first counts.
    else if (!fields.has(name)) fields.set(name, value);
  }
  return checked(fields, mx);
}

function checked(fields: ReadonlyMap<string, string>, mx: readonly string[]): StsPolicy | string {
  const [version, mode, age] = ['version', 'mode', 'max_age'].map((name) => fields.get(name));
  if (version !== 'STSv1') return version === undefined ? 'it has no version' : 'its version is not STSv1';
  if (mode === undefined || !isMode(mode)) return 'its mode is none of enforce, testing and none';
  if (age === undefined || !/^\d{1,10}$/.test(age) || Number(age) > LONGEST_AGE) {
    return `its max_age is not a number of seconds up to ${LONGEST_AGE}`;
  }
  const wrong = mx.findIndex((pattern) => !PATTERN.test(pattern) || pattern.length > 255);
  if (wrong >= 0) return `mx ${wrong + 1} of ${mx.length} is not the name of a host`;
  if (mode !== 'none' && mx.length === 0) return 'it names no mx';
  return { mode, maxAge: Number(age), mx: mx.map((pattern) => pattern.toLowerCase()) };
}

const isMode = (text: string): text is StsMode => MODES.includes(text);

/** @param host as an MX record names it */
export function allows({ mx }: StsPolicy, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  const dot = name.indexOf('.');
  return mx.includes(name) || (dot > 0 && mx.includes(`*${name.slice(dot)}`));
}
