/**
 * The rules of structural schemas, as far as an API server would refuse a CRD for breaking them, and three of our own:
 * every field has a description, no value of an enum is a boolean in YAML, and what CEL may look at is bounded, so that
 * the estimated cost of a rule stays below the server's budget. Gives one line for each violation.
 */

type Node = { readonly [key: string]: unknown };

const KNOWN = new Set([
  'type',
  'format',
  'description',
  'default',
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'properties',
  'required',
  'items',
  'additionalProperties',
  'anyOf',
  'x-kubernetes-validations',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
]);

const TYPES = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);

// The API server knows these three itself.
const TYPE_AND_OBJECT_META = new Set(['apiVersion', 'kind', 'metadata']);

export function structuralViolations(root: Node): string[] {
  const found: string[] = [];
  visit(root, '', (path, problem) => found.push(`${path === '' ? '(root)' : path}: ${problem}`));
  return found;
}

type Report = (path: string, problem: string) => void;

function visit(node: Node, path: string, report: Report): void {
  const say = (problem: string) => report(path, problem);
  for (const key of Object.keys(node)) {
    if (!KNOWN.has(key)) say(`${key} is not allowed in a structural schema`);
  }
  if (node['x-kubernetes-int-or-string'] === true) {
    if (node['type'] !== undefined) say('int-or-string has no type');
    if (JSON.stringify(node['anyOf']) !== '[{"type":"integer"},{"type":"string"}]') {
      say('int-or-string must have exactly anyOf integer, string');
    }
  } else {
    if (!TYPES.has(node['type'] as string)) say('type is missing or unknown');
    if (node['anyOf'] !== undefined) say('anyOf is for int-or-string only');
  }
  if (node['x-kubernetes-preserve-unknown-fields'] !== undefined && node['type'] !== 'object') {
    say('only an object has unknown fields');
  }
  object(node, path, say, report);
  list(node, path, say, report);
  strings(node, say);
  defaults(node, say);
  for (const rule of (node['x-kubernetes-validations'] ?? []) as readonly Node[]) {
    if (typeof rule['rule'] !== 'string' || rule['rule'] === '') say('a validation without a rule');
    if (typeof rule['message'] !== 'string' || rule['message'].includes('\n'))
      say('a rule needs a message of one line');
    const field = rule['fieldPath'];
    if (field !== undefined && !(properties(node)[String(field).slice(1).split('.')[0]!] as unknown)) {
      say(`fieldPath ${String(field)} names no field`);
    }
  }
}

const properties = (node: Node): Readonly<Record<string, Node>> =>
  (node['properties'] ?? {}) as Readonly<Record<string, Node>>;

function object(node: Node, path: string, say: (problem: string) => void, report: Report): void {
  const fields = properties(node);
  const rest = node['additionalProperties'];
  if (rest !== undefined) {
    if (node['properties'] !== undefined) say('properties and additionalProperties exclude each other');
    if (typeof rest !== 'object') say('additionalProperties must be a schema');
    else visit(rest as Node, `${path}.*`, report);
  }
  for (const name of (node['required'] ?? []) as readonly string[]) {
    if (fields[name] === undefined) say(`required field ${name} is not among the properties`);
    else if (fields[name]['default'] !== undefined) say(`required field ${name} has a default`);
  }
  for (const [name, field] of Object.entries(fields)) {
    const below = path === '' ? name : `${path}.${name}`;
    if (TYPE_AND_OBJECT_META.has(below)) continue;
    if (typeof field['description'] !== 'string') report(below, 'has no description');
    visit(field, below, report);
  }
}

function list(node: Node, path: string, say: (problem: string) => void, report: Report): void {
  const type = node['x-kubernetes-list-type'];
  if (node['type'] !== 'array') {
    if (type !== undefined) say('x-kubernetes-list-type is for arrays only');
    return;
  }
  const items = node['items'] as Node | undefined;
  if (items === undefined || Array.isArray(items)) {
    say('an array needs one schema for its items');
    return;
  }
  if (typeof node['maxItems'] !== 'number') say('a list needs maxItems');
  if (type === undefined) say('a list needs x-kubernetes-list-type');
  if (type === 'set' && ['object', 'array'].includes(items['type'] as string)) say('a set is of scalars');
  const keys = (node['x-kubernetes-list-map-keys'] ?? []) as readonly string[];
  if ((type === 'map') !== keys.length > 0) say('a map list, and only that, has keys');
  for (const key of keys) {
    const field = properties(items)[key];
    const required = ((items['required'] ?? []) as readonly string[]).includes(key);
    if (field === undefined) say(`list key ${key} is not a field of the items`);
    else if (!required && field['default'] === undefined)
      say(`list key ${key} must be required or have a default`);
  }
  visit(items, `${path}[]`, report);
}

// YAML 1.1, which kubectl reads, takes these for booleans. True and False are those of conditions, which no person writes.
const YAML_BOOLEAN = /^(y|yes|n|no|on|off)$/i;

function strings(node: Node, say: (problem: string) => void): void {
  for (const value of (node['enum'] ?? []) as readonly unknown[]) {
    if (YAML_BOOLEAN.test(String(value))) say(`enum value ${String(value)} is a boolean to kubectl`);
  }
  const pattern = node['pattern'];
  if (typeof pattern === 'string') {
    // RE2, which the API server uses, has neither look-around nor back-references.
    if (/\(\?(?!:)/.test(pattern) || /\\[1-9]/.test(pattern)) say(`pattern is not RE2: ${pattern}`);
  }
  if (node['type'] === 'string' && node['enum'] === undefined && node['maxLength'] === undefined) {
    say('a string needs maxLength');
  }
}

function defaults(node: Node, say: (problem: string) => void): void {
  const value = node['default'];
  if (value === undefined) return;
  const type = node['type'];
  const actual = Array.isArray(value) ? 'array' : typeof value === 'number' ? 'integer' : typeof value;
  if (type !== undefined && type !== actual) say(`default is of type ${actual}, not ${String(type)}`);
  const choices = node['enum'] as readonly unknown[] | undefined;
  if (choices !== undefined && !choices.includes(value)) say('default is not one of the enum');
  if (type === 'object') {
    const fields = properties(node);
    for (const [name, field] of Object.entries(fields)) {
      if (field['default'] !== undefined && (value as Node)[name] === undefined) {
        say(`default lacks ${name}, whose own default rules may look at`);
      }
    }
    for (const key of Object.keys(value as object)) {
      if (fields[key] === undefined) say(`default has a field ${key} that would be pruned`);
    }
    for (const name of (node['required'] ?? []) as readonly string[]) {
      if ((value as Node)[name] === undefined) say(`default lacks the required field ${name}`);
    }
  }
}
