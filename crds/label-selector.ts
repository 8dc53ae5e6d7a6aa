/** Kubernetes' label selectors, with what a single selector can get wrong held by CEL. */
import { z } from 'zod';
import { atomicList, withRules } from './rules.ts';

/** @param what the objects that are selected, in the singular: `the namespace` */
export const labelSelector = (what: string) =>
  z.strictObject({
    matchLabels: z
      .record(z.string(), z.string().max(63))
      .optional()
      .describe(`Labels that ${what} must have, each with this value.`),
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
      .describe(`Conditions on labels that ${what} must meet, all of them.`),
  });
