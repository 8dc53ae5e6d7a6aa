/**
 * Domain patterns of config: `example.org`, `*.example.org` (its subdomains at any depth, not itself) and `*`.
 * Pure; a name that can't be a domain matches `*` alone.
 */
import { domainToASCII } from 'node:url';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is asked about
const ASCII = /^[\x00-\x7f]*$/;

/**
 * The form in which domains are compared: A-labels, lower case, no trailing dot (RFC 5890 §2.3.2.1).
 * Address literals are only lowered.
 */
export function normalizeDomain(domain: string): string {
  const bare = domain.endsWith('.') ? domain.slice(0, -1) : domain;
  const lower = bare.toLowerCase();
  // domainToASCII reads `1.2.3` as an IPv4 address, so it only sees what needs it.
  return ASCII.test(lower) ? lower : domainToASCII(bare) || lower;
}

/** The patterns that match a normalised domain, the most specific first: exact, longest wildcard, `*`. */
export function* patternsFor(domain: string): Generator<string> {
  yield domain;
  if (!domain.startsWith('[')) {
    for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
      yield `*${domain.slice(dot)}`;
    }
  }
  yield '*';
}

/** Whether any of a set of normalised patterns matches a normalised domain. */
export function matchesAny(patterns: ReadonlySet<string>, domain: string): boolean {
  for (const pattern of patternsFor(domain)) {
    if (patterns.has(pattern)) {
      return true;
    }
  }
  return false;
}
