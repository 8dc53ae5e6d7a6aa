/** What an MTA says of its pods beyond what it does with mail. */
import { z } from 'zod';
import { annotations, labels, objectName, preserved } from './fields.ts';
import { mapList } from './rules.ts';

export const image = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe(
      "Image of the mta, with tag or digest; the operator's own choice, of its version, where absent.",
    ),
  pullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .optional()
    .describe('When nodes pull it; as Kubernetes decides by its tag where absent.'),
  pullSecrets: mapList(
    z.strictObject({ name: objectName().describe('Name of a Secret in the namespace of the MTA.') }),
    ['name'],
    16,
  )
    .default([])
    .describe('Secrets with the credentials of the registry.'),
});

/** Unlike our own sizes: CPU has thousandths. */
const QUANTITY = /^[0-9]{1,15}(\.[0-9]{1,9})?(m|Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/;

const amounts = () =>
  z.record(
    z.string(),
    z
      .union([z.int().nonnegative(), z.string().max(32).regex(QUANTITY)], {
        error: 'must be an amount such as 500m, 2 or 1Gi',
      })
      .meta({ 'x-kubernetes-int-or-string': true, pattern: QUANTITY.source }),
  );

export const resources = z.strictObject({
  requests: amounts()
    .optional()
    .describe('What a node must have left for a pod, such as cpu: 500m and memory: 1Gi.'),
  limits: amounts()
    .optional()
    .describe(
      'What a pod may use. A limit of memory that is too small ends a pod in the midst of its work; one of cpu slows it down.',
    ),
});

export const podTemplate = z.strictObject({
  metadata: z
    .strictObject({
      labels: labels().describe('Further labels of the pods.'),
      annotations: annotations().describe('Annotations of the pods.'),
    })
    .prefault({})
    .describe('Metadata of the pods.'),
  spec: preserved().describe(
    'Anything of a pod spec. Lists are merged as kubectl does it: containers, volumes and env by name, ports by containerPort, volumeMounts by mountPath; other lists replace ours; null takes a field away. The container of the mta is called mta.',
  ),
});

export type PodOverride = z.output<typeof podTemplate>;
