/**
 * Loaded before a program (`NODE_OPTIONS=--import=…`): its connections to port 443 of a public address, of which a test has none, lead to a
 * server of the test instead. `REDIRECTED` is that address, and address and port of the server, with blanks in between.
 */
import { type NetConnectOpts, Socket, type TcpNetConnectOpts } from 'node:net';

const [from, address, port] = process.env['REDIRECTED']!.split(' ');
const connect = Socket.prototype.connect as (...rest: unknown[]) => Socket;

// Node gives it options, or a list that begins with them.
Socket.prototype.connect = function (
  this: Socket,
  first: NetConnectOpts | [NetConnectOpts],
  ...rest: unknown[]
) {
  const options = (Array.isArray(first) ? first[0] : first) as Partial<TcpNetConnectOpts>;
  if (options.host === from && Number(options.port) === 443) {
    Object.assign(options, { host: address, port: Number(port) });
  }
  return connect.call(this, first, ...rest);
} as typeof Socket.prototype.connect;
