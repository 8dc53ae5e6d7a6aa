/** Who has handed a message to us, as it is kept with it. Pure. */
import type { Origin } from './envelope.ts';
import type { Client, Mail } from './listen/types.ts';
import { utf8Protocol } from './trace.ts';

export function originOf(client: Client, mail: Mail): Origin {
  const { listener, address, name, protocol, helo, user, tls, certificate, forwarded } = client;
  return {
    listener: listener.name,
    protocol: mail.smtputf8 === true ? utf8Protocol(protocol) : protocol,
    ...(address === undefined ? {} : { clientAddress: address }),
    ...(name === undefined ? {} : { clientName: name }),
    ...(helo === undefined ? {} : { helo }),
    ...(user === undefined ? {} : { user }),
    ...(tls === undefined ? {} : { tls }),
    ...(certificate?.trusted ? { certificate: certificate.name } : {}),
    ...(forwarded === undefined ? {} : { forwarded }),
  };
}
