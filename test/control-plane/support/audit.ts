/** What an API server was asked, by whom, and what became of it: its audit log. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../support/folders.ts';

/** Of `audit.k8s.io/v1`, what is looked at here. */
export interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
}

const POLICY = {
  ...{ apiVersion: 'audit.k8s.io/v1', kind: 'Policy' },
  rules: [{ level: 'Metadata', omitStages: ['RequestReceived'] }],
};

export interface Audit {
  /** For the API server. */
  readonly flags: readonly string[];
  /** All so far. */
  events(): AuditEvent[];
}

export function audit(): Audit {
  const folder = temporaryFolder('audit');
  const [policy, log] = [join(folder, 'policy.json'), join(folder, 'log')];
  writeFileSync(policy, JSON.stringify(POLICY));
  return {
    flags: ['--audit-policy-file', policy, '--audit-log-path', log],
    events: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AuditEvent),
  };
}
