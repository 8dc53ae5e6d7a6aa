/**
 * Signatures as Standard Webhooks has them (version 1 of its symmetric ones): HMAC-SHA256 over `id.timestamp.body`, in
 * base64, one for each key. The body is hashed as it passes, so that it need not be in memory. Pure, but for reading.
 */
import { createHmac } from 'node:crypto';

/** Value of the field `webhook-signature`. @param seconds since the epoch */
export async function signatures(
  keys: readonly Buffer[],
  { id, seconds }: { readonly id: string; readonly seconds: number },
  body: AsyncIterable<Buffer>,
): Promise<string> {
  const hmacs = keys.map((key) => createHmac('sha256', key).update(`${id}.${seconds}.`));
  for await (const chunk of body) for (const hmac of hmacs) hmac.update(chunk);
  return hmacs.map((hmac) => `v1,${hmac.digest('base64')}`).join(' ');
}
