import { describe, expect, it } from 'vitest';
import { structuralViolations } from './structural.ts';

const object = (field: object) => ({
  type: 'object',
  properties: { field: { description: 'A field.', ...field } },
});
const list = (more: object, items: object = { type: 'string', maxLength: 1 }) =>
  object({ type: 'array', maxItems: 1, items, ...more });

describe('the rules of structural schemas', () => {
  it.each([
    ['a field without a type', object({ enum: ['a'] }), 'type is missing'],
    [
      'a union without a type',
      object({ anyOf: [{ type: 'string' }, { type: 'boolean' }] }),
      'anyOf is for int-or-string',
    ],
    [
      'a keyword that is unknown',
      object({ type: 'string', maxLength: 1, nullable: true }),
      'nullable is not allowed',
    ],
    ['oneOf', object({ type: 'object', oneOf: [] }), 'oneOf is not allowed'],
    [
      'a value that YAML takes for a boolean',
      object({ type: 'string', enum: ['Off'] }),
      'is a boolean to kubectl',
    ],
    [
      'a field without a description',
      { type: 'object', properties: { a: { type: 'boolean' } } },
      'a: has no description',
    ],
    ['a string without a bound', object({ type: 'string' }), 'a string needs maxLength'],
    [
      'unknown fields of what is no object',
      object({ type: 'string', maxLength: 1, 'x-kubernetes-preserve-unknown-fields': true }),
      'only an object has unknown fields',
    ],
    [
      'a list without a bound',
      list({ maxItems: undefined, 'x-kubernetes-list-type': 'set' }),
      'a list needs maxItems',
    ],
    ['a list without a type', list({}), 'a list needs x-kubernetes-list-type'],
    [
      'a set of objects',
      list({ 'x-kubernetes-list-type': 'set' }, { type: 'object' }),
      'a set is of scalars',
    ],
    ['a map without keys', list({ 'x-kubernetes-list-type': 'map' }, { type: 'object' }), 'has keys'],
    [
      'a map whose key is optional',
      list(
        { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
        { type: 'object', properties: { name: { type: 'string', maxLength: 1, description: 'A name.' } } },
      ),
      'list key name must be required or have a default',
    ],
    [
      'a pattern that RE2 lacks',
      object({ type: 'string', maxLength: 1, pattern: '^(?!a)' }),
      'pattern is not RE2',
    ],
    ['a default of another type', object({ type: 'integer', default: 'a' }), 'default is of type string'],
    [
      'a default outside of its enum',
      object({ type: 'string', enum: ['a'], default: 'b' }),
      'not one of the enum',
    ],
    [
      'a default that would be pruned',
      object({ type: 'object', properties: {}, default: { a: 1 } }),
      'would be pruned',
    ],
    [
      'a default without those of its members',
      object({
        type: 'object',
        properties: { a: { type: 'boolean', default: true, description: 'A.' } },
        default: {},
      }),
      'default lacks a',
    ],
    ['a required field that is not there', { type: 'object', required: ['a'] }, 'required field a'],
    [
      'properties beside additionalProperties',
      object({ type: 'object', properties: {}, additionalProperties: { type: 'boolean' } }),
      'exclude each other',
    ],
    [
      'a rule that points nowhere',
      object({
        type: 'object',
        properties: {},
        'x-kubernetes-validations': [{ rule: 'true', message: 'm', fieldPath: '.a' }],
      }),
      'fieldPath .a names no field',
    ],
  ])('refuse %s', (_, schema, problem) => {
    expect(structuralViolations(schema).join('\n')).toContain(problem);
  });

  it('take an int-or-string as Kubernetes writes it', () => {
    const quantity = { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] };
    expect(structuralViolations(object(quantity))).toEqual([]);
  });
});
