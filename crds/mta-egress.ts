/** Where an MTA may send mail to, and as whom it does. */
import { z } from 'zod';
import { cidrs } from './fields.ts';

/** A domain name in which `{pod}` and `{ordinal}` may stand. */
const HELO = /^([A-Za-z0-9_-]|\{pod\}|\{ordinal\})+(\.([A-Za-z0-9_-]|\{pod\}|\{ordinal\})+)*$/;

export const egress = z.strictObject({
  allow: cidrs()
    .default([])
    .describe(
      'Loopback, link-local, private and metadata addresses that MX records, and resources of other namespaces, may lead to. All others of that kind are refused after resolution.',
    ),
  hostname: z
    .string()
    .min(1)
    .max(253)
    .regex(HELO, {
      error:
        'must be a domain name such as out.example.org, or mx{ordinal}.example.org with {ordinal} or {pod} in it',
    })
    .optional()
    .describe(
      "Name in HELO where it is not the fleet's hostname: pods that send from addresses of their own have names of their own. {ordinal} stands for the number of the pod, {pod} for its name: mx{ordinal}.example.org. Each name should resolve to the address that its pod sends from, and back.",
    ),
  sourceNetworks: cidrs()
    .default([])
    .describe(
      "Networks that the pod's own address is taken from for connections to MX hosts and smart hosts, where a pod has several: an interface of Multus, the host's network. A pod without an address in them sends nothing there until it has one. Any address where empty.",
    ),
});
