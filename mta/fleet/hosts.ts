/**
 * The DNS names in the certificates of a fleet: of its members, and of who looks after it. Nobody looks them up: `.internal` is
 * nobody's.
 */
import type { MtaConfig } from '../config.ts';

export type FleetName = Pick<MtaConfig['fleet'], 'namespace' | 'name'>;

export const memberHost = (member: string, { namespace, name }: FleetName): string =>
  `${member}.${name}.${namespace}.members.postrider.internal`;

/** @param operator the Kubernetes operator, or a person */
export const operatorHost = (operator: string, { namespace, name }: FleetName): string =>
  `${operator}.${name}.${namespace}.operators.postrider.internal`;
