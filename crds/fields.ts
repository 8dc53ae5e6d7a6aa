/** The kinds of values that fields of several kinds share: names, sizes, durations, networks, references. */
import { z } from 'zod';
import { setList, withRules } from './rules.ts';
import { DURATION, QUANTITY } from './units.ts';

// What is written here is shown on terminals and sent in commands.
const UNSEEN = '\\s\\x00-\\x1f\\x7f-\\x9f';
const LABEL = `[^${UNSEEN}@.*/:,;()<>\\[\\]"\\\\]+`;
const LOCAL_PART = `[^${UNSEEN}@*<>]+`;
/** RFC 5322 §3.2.3: what needs quotes can't be put into a header field as it is. */
const PLAIN_LOCAL_PART = `[^${UNSEEN}@*<>()\\[\\]:;,"\\\\]+`;
const DOMAIN = `${LABEL}(\\.${LABEL})*`;

const text = (pattern: RegExp, max: number, error: string) =>
  z.string().min(1).max(max).regex(pattern, { error });

/** U-labels and any case are welcome: compile makes lower-case A-labels of them. */
export const domainName = () =>
  text(new RegExp(`^${DOMAIN}$`), 253, 'must be a domain name such as example.org, without a trailing dot');

/** `example.org` is that name alone, `*.example.org` every name below it, `*` any name. */
export const domainPattern = () =>
  text(
    new RegExp(`^(\\*|(\\*\\.)?${DOMAIN})$`),
    255,
    'must be a domain such as example.org, *.example.org for every name below it, or *',
  );

/** `anna@example.org` or `*@example.org`. */
export const addressPattern = () =>
  text(
    new RegExp(`^(\\*|${LOCAL_PART})@${DOMAIN}$`),
    320,
    'must be an address such as anna@example.org, or *@example.org for every address of a domain',
  );

export const address = () =>
  text(new RegExp(`^${PLAIN_LOCAL_PART}@${DOMAIN}$`), 320, 'must be an address such as anna@example.org');

/** Name of a user who authenticates. */
export const username = () =>
  text(new RegExp(`^[^${UNSEEN}]+$`), 320, 'must not have spaces or control characters');

/** A DNS name or an IP address. */
export const host = () =>
  text(/^[A-Za-z0-9_.:-]+$/, 253, 'must be a host name or an IP address, without brackets or port');

export const port = () => z.int().min(1).max(65535);

export const duration = () =>
  text(DURATION, 24, 'must be a duration such as 30s, 5m or 120h (days are written in hours)');

/** As resource.Quantity: an integer, or an integer with a suffix. */
export const quantity = () =>
  z
    .union([z.int().nonnegative(), z.string().max(20).regex(QUANTITY)], {
      error: 'must be a size in bytes such as 512, 64Ki, 50Mi or 10Gi',
    })
    .meta({ 'x-kubernetes-int-or-string': true, pattern: QUANTITY.source });

const network = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export const cidr = () =>
  withRules(z.string().min(2).max(49), [
    {
      rule: 'isIP(self) || isCIDR(self)',
      message: 'must be an IP network such as 10.0.0.0/8 or 2001:db8::/32, or an IP address',
      holds: (self) => network.safeParse(self).success,
    },
  ]);
export const cidrs = (most = 256) => setList(cidr(), most);

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** The name of a Kubernetes object. */
export const objectName = () =>
  text(DNS_SUBDOMAIN, 253, 'must be the name of an object: lower-case letters, digits, - and .');

export const namespaceName = () =>
  text(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'must be the name of a namespace');

/** Name of an item in a list: a DNS label. */
export const itemName = () =>
  text(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'must be lower-case letters, digits and -');

/** Labels as they are written: what Kubernetes says of keys and values is held by the object that gets them. */
export const labels = () => z.record(z.string(), z.string().max(63)).default({});

export const annotations = () => z.record(z.string(), z.string().max(4096)).default({});

/** An object of somebody else's schema: kept as it is written, and looked at by whoever takes it. */
export const preserved = () =>
  z.record(z.string(), z.unknown()).default({}).meta({ 'x-kubernetes-preserve-unknown-fields': true });

const secretKey = () =>
  text(/^[-._a-zA-Z0-9]+$/, 253, 'must be a key of a Secret: letters, digits, -, _ and .');

/** One value of a Secret in the resource's own namespace. */
export const secretKeyRef = (defaultKey: string) =>
  z.strictObject({
    name: objectName().describe('Name of a Secret in the namespace of this resource.'),
    key: secretKey().default(defaultKey).describe('Key of the value in the Secret.'),
  });

/** An object of one kind in the resource's own namespace. */
export const localRef = (what: string) =>
  z.strictObject({ name: objectName().describe(`Name of ${what} in the namespace of this resource.`) });

/** The fleets that a resource attaches to. */
export const mtaRefs = () =>
  z
    .array(
      z.strictObject({
        name: objectName().describe('Name of the MTA.'),
        namespace: namespaceName()
          .optional()
          .describe(
            'Namespace of the MTA; that of this resource where absent. An MTA of another namespace has to let this one in, in its attachment.',
          ),
      }),
    )
    .min(1)
    .max(16)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe(
      'The fleets that this resource is for. What became of it is said in status.fleets, for each one by itself.',
    );
