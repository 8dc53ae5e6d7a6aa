/** An entry of an MTA's attachment: which namespaces may attach what. */
import { z } from 'zod';
import { domainPattern, itemName, namespaceName } from './fields.ts';
import { labelSelector } from './label-selector.ts';
import { setList, withRules } from './rules.ts';

const attachedKind = z.enum(['MailDomain', 'MailRelay', 'MailTLSPolicy', 'MailUser']);

export const grant = withRules(
  z.strictObject({
    name: itemName().describe(
      'Name of the entry, unique in the MTA: by it, several owners can each apply theirs.',
    ),
    namespaces: withRules(
      z.strictObject({
        names: setList(namespaceName(), 256).optional().describe('Namespaces by name.'),
        selector: labelSelector('the namespace')
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
