/** What the configurations of several mail servers ask about their routes. */
import type { ForeignOptions, Route } from './types.ts';

/** With STARTTLS and a certificate that holds. */
export const isSecured = ({ way }: Pick<Route, 'way'>): boolean => way === 'verified' || way === 'login';

/** The one that mail goes this way for. */
export function routeBy(way: Route['way'], { routes }: ForeignOptions): Route {
  const found = routes.find((route) => route.way === way);
  if (found === undefined) throw new Error(`no route is ${way}`);
  return found;
}
