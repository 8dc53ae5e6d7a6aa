/** IPv4 clients of a dual-stack port are IPv4 clients; the interface of a link-local address is no part of it. */
export function plainAddress(address: string): string {
  const [bare = ''] = address.split('%');
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare;
}
