/** All kinds, in the order in which documents and generated files have them. */
import type { Kind } from './kind.ts';
import { mailDomain } from './mail-domain.ts';
import { mailRelay } from './mail-relay.ts';
import { mailTlsPolicy } from './mail-tls-policy.ts';
import { mailUser } from './mail-user.ts';
import { mta } from './mta.ts';

export const kinds: readonly Kind[] = [mta, mailDomain, mailRelay, mailTlsPolicy, mailUser];
