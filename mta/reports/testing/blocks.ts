/** Blocks of fields, unfolded, as RFC 3464 §2.1 has them; the parser gives text with LF. */
export function blocks(status: string | undefined): Record<string, string>[] {
  return (status ?? '')
    .replaceAll('\r\n', '\n')
    .replace(/\n(?=[ \t])/g, '')
    .trim()
    .split('\n\n')
    .map((block) =>
      Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      ),
    );
}
