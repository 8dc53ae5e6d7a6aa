/** A core/v1 Secret as it is written in a manifest, to its decoded values (`stringData` wins, as in Kubernetes). Pure. */
export type SecretProblem = { readonly path: readonly string[]; readonly message: string };

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function secretValues(object: Readonly<Record<string, unknown>>): {
  values: Record<string, string>;
  problems: SecretProblem[];
} {
  const values = new Map<string, string>();
  const problems: SecretProblem[] = [];
  for (const field of ['data', 'stringData']) {
    const entries = object[field] ?? {};
    if (typeof entries !== 'object' || Array.isArray(entries)) {
      problems.push({ path: [field], message: `${field} must be a map of names to values` });
      continue;
    }
    for (const [key, value] of Object.entries(entries)) {
      const path = [field, key];
      if (typeof value !== 'string') {
        problems.push({ path, message: `${field}.${key} must be a string: put it in quotes` });
      } else if (field === 'stringData') {
        values.set(key, value);
      } else if (base64.test(value.replace(/\s/g, ''))) {
        values.set(key, Buffer.from(value, 'base64').toString('utf8'));
      } else {
        problems.push({ path, message: `data.${key} must be base64; plain text belongs in stringData` });
      }
    }
  }
  return { values: Object.fromEntries(values), problems };
}
