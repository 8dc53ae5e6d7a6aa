/** An entry of an MTA's attachment: which namespaces may attach what. */
import { z } from 'zod';
import { domainPattern, itemName, namespaceName } from './fields.ts';
import { atomicList, setList, withRules } from './rules.ts';

const labelSelector = z.strictObject({
  matchLabels: z
    .record(z.string(), z.string().max(63))
    .optional()
    .describe('Labels that the namespace must have, each with this value.'),
  matchExpressions: atomicList(
    withRules(
      z.strictObject({
        key: z.string().min(1).max(317).describe('Label key.'),
        operator: z
          .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
          .describe('How the label is compared with values.'),
        values: atomicList(z.string().max(63), 64)
          .default([])
          .describe('Values for In and NotIn; none for Exists and DoesNotExist.'),
      }),
      [
        {
          rule: "(self.operator in ['In', 'NotIn']) == (size(self.values) > 0)",
          message: 'values are needed for In and NotIn, and have no use for Exists and DoesNotExist',
          fieldPath: '.values',
          holds: (self) => ['In', 'NotIn'].includes(self.operator) === self.values.length > 0,
        },
      ],
    ),
    32,
  )
    .optional()
    .describe('Conditions on labels that the namespace must meet, all of them.'),
});

const attachedKind = z.enum(['MailDomain', 'MailRelay', 'MailTLSPolicy', 'MailUser']);

export const grant = withRules(
  z.strictObject({
    name: itemName().describe(
      'Name of the entry, unique in the MTA: by it, several owners can each apply theirs.',
    ),
    namespaces: withRules(
      z.strictObject({
        names: setList(namespaceName(), 256).optional().describe('Namespaces by name.'),
        selector: labelSelector
          .optional()
          .describe('Namespaces by their labels; an empty selector is every namespace.'),
      }),
      [
        {
          rule: 'has(self.names) || has(self.selector)',
          message: 'name the namespaces in names, or select them by label in selector ({} is all of them)',
          holds: (self) => self.names !== undefined || self.selector !== undefined,
        },
      ],
    ).describe('Namespaces that this entry lets in: those in names and those that the selector selects.'),
    kinds: setList(attachedKind, 4).min(1).describe('Kinds of resources that may attach from there.'),
    domains: setList(domainPattern(), 256)
      .default([])
      .describe(
        'Domains that MailDomains from there may have, as names and aliases: example.org, *.example.org for every name below it, * for any.',
      ),
  }),
  [
    {
      rule: "!('MailDomain' in self.kinds) || size(self.domains) > 0",
      message: 'say in domains which domains these namespaces may have, or leave MailDomain out of kinds',
      fieldPath: '.domains',
      holds: (self) => !self.kinds.includes('MailDomain') || self.domains.length > 0,
    },
  ],
);
