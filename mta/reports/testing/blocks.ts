import PostalMime from 'postal-mime';

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

/** The delivery-status of a report as blocks of fields, that of the message first, then one for each recipient (RFC 3464 §2.1). */
export async function deliveryStatusOf(report: Uint8Array): Promise<Record<string, string>[]> {
  const { attachments } = await PostalMime.parse(report);
  const { content } = attachments.find(({ mimeType }) => mimeType === 'message/delivery-status')!;
  return blocks(
    typeof content === 'string' ? content : Buffer.from(content as ArrayBuffer).toString('latin1'),
  );
}
