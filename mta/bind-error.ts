/** What it means that an address and port can't be bound, and what to do. Pure. */
import { PostriderError } from './errors.ts';

/** Who wants what: `listener smtp` at `127.0.0.1`, port 2525. */
export interface Binding {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export function bindError(error: unknown, { name, address, port }: Binding): PostriderError {
  const where = `${address}:${port} for ${name}`;
  const refused = (what: string, hint: string) =>
    new PostriderError('PortInUse', `${where} ${what}`, { hint, cause: error });
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return refused(
        'is in use by another process',
        `Stop what listens there (ss -ltnp 'sport = :${port}' shows it), or choose another port`,
      );
    case 'EACCES':
      return refused(
        'may not be bound by this user',
        'Choose a port above 1023, or grant CAP_NET_BIND_SERVICE',
      );
    case 'EADDRNOTAVAIL':
      return refused('is at no address of this machine', 'Choose an address that it has, 0.0.0.0 or ::');
    default:
      return refused(`can't be bound: ${message}`, 'Choose another address or port');
  }
}
