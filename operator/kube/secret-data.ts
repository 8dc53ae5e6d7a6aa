/** The data of a Secret: the API has it in base64. Pure. */

type Data<Key extends string> = Readonly<Record<Key, string>>;

/** From text, in UTF-8. */
export const encoded = <Key extends string>(data: Data<Key>): Record<Key, string> =>
  changed(data, (text) => Buffer.from(text).toString('base64'));

/** To text, from UTF-8. */
export const decoded = <Key extends string>(data: Data<Key>): Record<Key, string> =>
  changed(data, (text) => Buffer.from(text, 'base64').toString('utf8'));

function changed<Key extends string>(data: Data<Key>, change: (text: string) => string): Record<Key, string> {
  const entries = Object.entries<string>(data).map(([key, text]) => [key, change(text)]);
  return Object.fromEntries(entries) as Record<Key, string>;
}
