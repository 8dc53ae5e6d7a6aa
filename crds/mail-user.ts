/** MailUser: who may submit mail, and as whom. Written by the application team. */
import { z } from 'zod';
import { addressPattern, duration, mtaRefs, objectName, quantity, username } from './fields.ts';
import { attachedColumns, type Kind } from './kind.ts';
import { atomicList, setList, withRules } from './rules.ts';
import { attachedStatus } from './status.ts';

const password = withRules(
  z.strictObject({
    secretRef: z
      .strictObject({
        name: objectName().describe('Name of a Secret in the namespace of this resource.'),
        key: z
          .string()
          .min(1)
          .max(253)
          .regex(/^[-._a-zA-Z0-9]+$/)
          .default('password')
          .describe('Key of the password in the Secret.'),
      })
      .optional()
      .describe(
        'Where the password is. With generate and without a name here, the Secret is named after this resource, with -password at the end.',
      ),
    generate: z
      .boolean()
      .default(false)
      .describe(
        'Make a password, and the Secret with it, if there is none. One that exists is never changed.',
      ),
  }),
  [
    {
      rule: 'self.generate || has(self.secretRef)',
      message: 'name the Secret with the password in secretRef, or set generate to true',
      holds: (self) => self.generate || self.secretRef !== undefined,
    },
  ],
);

const spec = withRules(
  z.strictObject({
    mtaRefs: mtaRefs(),
    username: username().describe(
      'Name to authenticate with, often an address. Unique in a fleet, without regard to case.',
    ),
    password: password.optional().describe('Authenticate with a password.'),
    serviceAccount: z
      .strictObject({
        name: objectName().describe('Name of the ServiceAccount in the namespace of this resource.'),
        audiences: atomicList(z.string().min(1).max(253), 8)
          .optional()
          .describe('Audiences that its token must have one of.'),
      })
      .optional()
      .describe('Authenticate with the token of a ServiceAccount. Not yet supported.'),
    senders: setList(addressPattern(), 1000)
      .min(1)
      .describe(
        "Addresses that this user may send as: anna@example.org, or *@example.org. In a namespace that isn't the MTA's, in domains that the namespace has in this fleet.",
      ),
    limits: z
      .strictObject({
        messageSize: quantity()
          .optional()
          .describe("Largest message; the listener's limit counts where it is smaller."),
        recipients: z
          .int()
          .min(1)
          .max(100_000)
          .optional()
          .describe("Recipients of one message; the listener's limit counts where it is smaller."),
        rate: z
          .strictObject({
            messages: z.int().min(1).max(1_000_000_000).describe('Messages.'),
            per: duration().describe('In how long a time.'),
          })
          .optional()
          .describe('How much this user may send. Not yet supported.'),
      })
      .prefault({})
      .describe('How much this user may send at a time.'),
  }),
  [
    {
      rule: 'has(self.password) != has(self.serviceAccount)',
      message: 'say how the user authenticates: password or serviceAccount, and only one of them',
      holds: (self) => (self.password !== undefined) !== (self.serviceAccount !== undefined),
    },
  ],
);

export const mailUser = {
  kind: 'MailUser',
  plural: 'mailusers',
  shortName: 'mu',
  description: 'Who may submit mail to a fleet for any destination, and which sender addresses it may use.',
  spec,
  status: attachedStatus(),
  columns: [
    {
      name: 'Username',
      type: 'string',
      jsonPath: '.spec.username',
      description: 'Name to authenticate with.',
    },
    {
      name: 'Sender',
      type: 'string',
      jsonPath: '.spec.senders[0]',
      description: 'First address that it may send as.',
      wide: true,
    },
    ...attachedColumns,
  ],
} as const satisfies Kind;

export type MailUserSpec = z.output<typeof spec>;

/** Where the password of a user is, or is to be put. */
export function passwordSecret(
  name: string,
  password: NonNullable<MailUserSpec['password']>,
): { readonly name: string; readonly key: string } {
  return password.secretRef ?? { name: `${name}-password`, key: 'password' };
}
