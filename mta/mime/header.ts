/** The header of a MIME entity, as far as it says how the body is made (RFC 2045 §5 and §6). Pure. */

export interface Field {
  /** In lower case. */
  readonly name: string;
  /** The whole field with its line ends, octets as they came. */
  readonly raw: Buffer;
}

export interface EntityHeader {
  readonly fields: readonly Field[];
  /** The empty line behind them; empty where the entity ends without one. */
  readonly end: Buffer;
  /** `text/plain`, in lower case; undefined where there is no Content-Type, or one that makes no sense. */
  readonly type: string | undefined;
  /** Of a multipart type. */
  readonly boundary: string | undefined;
  /** `8bit`, in lower case; undefined where there is no Content-Transfer-Encoding. */
  readonly encoding: string | undefined;
  readonly hasVersion: boolean;
}

/** @param lines of the header, each with its line end, without the empty one */
export function parseHeader(lines: readonly Buffer[], end: Buffer): EntityHeader {
  const fields = fieldsOf(lines);
  const textOf = (name: string): string | undefined => {
    const field = fields.find((each) => each.name === name);
    return field && withoutComments(field.raw.toString('latin1').slice(field.raw.indexOf(':') + 1));
  };
  const contentType = textOf('content-type');
  const type = /^\s*([^\s/;"]+)\s*\/\s*([^\s/;"]+)/.exec(contentType ?? '');
  const encoding = textOf('content-transfer-encoding')?.trim().toLowerCase();
  return {
    ...{ fields, end, encoding: encoding === '' ? undefined : encoding },
    type: type === null ? undefined : `${type[1]}/${type[2]}`.toLowerCase(),
    boundary: boundaryOf(contentType ?? ''),
    hasVersion: textOf('mime-version') !== undefined,
  };
}

function fieldsOf(lines: readonly Buffer[]): Field[] {
  const fields: { name: string; parts: Buffer[] }[] = [];
  for (const line of lines) {
    // RFC 5322 §2.2.3
    if ((line[0] === 0x20 || line[0] === 0x09) && fields.length > 0) fields.at(-1)!.parts.push(line);
    else {
      const name = /^([!-9;-~]+)[ \t]*:/.exec(line.toString('latin1', 0, 256))?.[1] ?? '';
      fields.push({ name: name.toLowerCase(), parts: [line] });
    }
  }
  return fields.map(({ name, parts }) => ({
    name,
    raw: parts.length === 1 ? parts[0]! : Buffer.concat(parts),
  }));
}

/** RFC 2046 §5.1.1: up to 70 characters; who writes more is understood, too. */
function boundaryOf(contentType: string): string | undefined {
  const found = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s;"]+))/i.exec(contentType);
  const boundary = (found?.[1]?.replace(/\\([\s\S])/g, '$1') ?? found?.[2])?.trimEnd();
  return boundary === '' ? undefined : boundary;
}

/** Comments become a blank, line ends nothing (RFC 5322 §3.2.2); what stands in quotes stays. */
function withoutComments(value: string): string {
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at]!;
    if (char === '\r' || char === '\n') continue;
    if (char === '\\' && at + 1 < value.length) {
      if (depth === 0) out += char + value[at + 1]!;
      at += 1;
    } else if (quoted) {
      quoted = char !== '"';
      out += char;
    } else if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) {
      depth -= 1;
      out += ' ';
    } else if (depth === 0) {
      quoted = char === '"';
      out += char;
    }
  }
  return out;
}
