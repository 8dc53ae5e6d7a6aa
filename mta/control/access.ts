/**
 * Who may use the control port. On a laptop: whoever has the token, by a name that can only mean this machine. In a cluster: whoever
 * has a certificate of the fleet's authority that says it is an operator of this fleet. Its pods have certificates of that authority
 * too; they are members, and may not tell each other what to do.
 */
import type { IncomingMessage } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PostriderError } from '../errors.ts';
import type { FleetName } from '../fleet/hosts.ts';
import { mutualTls, operatorOf, renewTls } from '../fleet/identity.ts';
import type { KeptIdentity } from '../fleet/kept-identity.ts';
import { isAuthorized, isOurHost } from './guard.ts';

export type ControlAccess =
  /** Asked at each request: a new config may bring a new token. */
  | { readonly by: 'token'; readonly token: () => string }
  | { readonly by: 'certificate'; readonly identity: KeptIdentity; readonly fleet: FleetName };

/** Throws where the request may not be answered. */
export type Guard = (request: IncomingMessage) => void;

/** @param server that listens by the time of the first request */
export function guardOf(access: ControlAccess, server: Server): Guard {
  return access.by === 'token' ? tokenGuard(access.token, server) : certificateGuard(access.fleet);
}

function tokenGuard(token: () => string, server: Server): Guard {
  return ({ headers }) => {
    const { address, port } = server.address() as AddressInfo;
    if (!isOurHost(headers.host, address, port)) {
      throw new PostriderError('HostNotAllowed', 'The Host header names another machine', {
        hint: `Ask as localhost:${port} or 127.0.0.1:${port}.`,
      });
    }
    if (!isAuthorized(headers.authorization, token())) {
      throw new PostriderError('Unauthorized', 'The token is missing or wrong', {
        hint: 'Send "Authorization: Bearer TOKEN"; in local mode it is in .postrider/control-token.',
      });
    }
  };
}

function certificateGuard(fleet: FleetName): Guard {
  return ({ socket }) => {
    const certificate = (socket as TLSSocket).getPeerX509Certificate();
    if (certificate !== undefined && operatorOf(certificate, fleet) !== undefined) return;
    throw new PostriderError('MemberRefused', 'the certificate is for no operator of this fleet', {
      hint: `it must be for a name that ends with .${fleet.name}.${fleet.namespace}.operators.postrider.internal`,
    });
  };
}

/** TLS of the port; null where there is none. Whoever has no certificate of the authority never gets to HTTP. */
export const tlsOf = (access: ControlAccess) =>
  access.by === 'token' ? null : { ...mutualTls(access.identity.current), handshakeTimeout: 10_000 };

/** Goes on with a certificate that was renewed. */
export function keepIdentity(access: ControlAccess, server: Server): void {
  if (access.by === 'token' || !(server instanceof TlsServer)) return;
  access.identity.onChange((identity) => renewTls(server, identity));
}
