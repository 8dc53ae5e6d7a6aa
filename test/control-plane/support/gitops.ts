/** How GitOps tools take a resource: their checks in examples/, run by what runs them, or by its like. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '@marcbachmann/cel-js';
import { parseAllDocuments } from 'yaml';
import { program } from '../../support/debian.ts';
import { runOk } from '../../support/processes.ts';
import { ROOT } from './helm.ts';

/** A value as Lua writes it. */
function lua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(lua).join(',')}}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `[${lua(key)}]=${lua(member)}`);
  return `{${members.join(',')}}`;
}

/** By Lua 5.1, which Argo CD's own interpreter follows; like there, without its libraries but for the basic one. */
export async function argoHealth(object: object): Promise<{ status: string; message: string }> {
  const script = readFileSync(join(ROOT, 'examples/gitops-argocd/health.lua'), 'utf8');
  const input = `
local environment = { ipairs = ipairs, pairs = pairs, obj = ${lua(object)} }
local health = setfenv(function()
${script}
end, environment)()
io.write(health.status, "\\n", health.message)`;
  const [status = '', message = ''] = (await runOk(program('lua5.1'), ['-'], { input })).split('\n');
  return { status, message };
}

interface Check {
  readonly kind: string;
  readonly current: string;
  readonly failed?: string;
  readonly inProgress?: string;
}

/** Of Flux' Kustomization in examples/. */
export function fluxChecks(): (Check & { readonly apiVersion: string })[] {
  const text = readFileSync(join(ROOT, 'examples/gitops-flux/mail.yaml'), 'utf8');
  for (const document of parseAllDocuments(text)) {
    const { spec } = document.toJS() as { spec: { healthCheckExprs?: (Check & { apiVersion: string })[] } };
    if (spec.healthCheckExprs !== undefined) return spec.healthCheckExprs;
  }
  throw new Error('there are no checks');
}

interface Observed {
  readonly kind?: string;
  readonly metadata: { readonly generation?: number };
  readonly status?: { readonly observedGeneration?: number } & Record<string, unknown>;
}

/**
 * As Flux' RFC 0009 has it: a status of another generation is in progress; then the expressions in their order, the first that is true; an
 * expression that fails, as it speaks of what isn't there, is asked again later.
 */
export function fluxHealth(object: Observed): 'InProgress' | 'Failed' | 'Current' {
  const { status, metadata } = object;
  const seen = status?.observedGeneration;
  if (seen !== undefined && seen !== metadata.generation) return 'InProgress';
  const check = fluxChecks().find(({ kind }) => kind === object.kind);
  if (check === undefined) throw new Error(`there is no check for ${object.kind}`);
  const holds = (expression: string | undefined) => {
    try {
      return expression !== undefined && evaluate(expression, { ...object }) === true;
    } catch {
      return undefined;
    }
  };
  const order = [
    [check.inProgress, 'InProgress'],
    [check.failed, 'Failed'],
    [check.current, 'Current'],
  ] as const;
  for (const [expression, result] of order) {
    const held = holds(expression);
    if (held === undefined) return 'InProgress';
    if (held) return result;
  }
  return 'InProgress';
}
