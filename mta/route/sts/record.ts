/**
 * The TXT records at `_mta-sts` of a domain: whether it has an MTA-STS policy, and which (RFC 8461 §3.1). Pure; what is malformed is as
 * if there were none.
 */
const VERSION = 'v=STSv1';
/** Between fields, and after the last one. */
const DELIMITER = /[ \t]*;[ \t]*/;
const ID = /^[A-Za-z0-9]{1,32}$/;
const EXTENSION = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c-\x7e]+$/;

/**
 * The id of the policy that is published now; undefined where none is.
 *
 * @param texts each record, its strings put together
 */
export function readRecords(texts: readonly string[]): string | undefined {
  const ours = texts.filter((text) => /^v=STSv1[ \t]*;/.test(text));
  return ours.length === 1 ? idOf(ours[0]!) : undefined;
}

function idOf(text: string): string | undefined {
  const fields = text.slice(VERSION.length).split(DELIMITER).slice(1);
  if (fields.at(-1) === '') fields.pop();
  let id: string | undefined;
  for (const field of fields) {
    if (!field.startsWith('id=')) {
      if (!EXTENSION.test(field)) return undefined;
      continue;
    }
    // RFC 8461 §3.2: of a field that is there twice the first counts.
    id ??= field.slice('id='.length);
  }
  return id !== undefined && ID.test(id) ? id : undefined;
}
