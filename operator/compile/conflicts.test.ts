import { describe, expect, it } from 'vitest';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';
import type { CompileInput } from './types.ts';

interface Named {
  readonly name: string;
  readonly created?: string;
  readonly names: readonly string[];
}

const input = (domains: readonly Named[], programmed?: CompileInput['programmed']): CompileInput => {
  const fleet = inputFrom(`
apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {name: mta, namespace: mail}
spec:
  hostname: mail.example.test
  listeners: [{name: smtp, role: SMTP, port: 2525, tls: {mode: None}}]
`);
  const manifests = domains.map(({ name, created, names: [domain, ...aliases] }) => ({
    apiVersion: 'postrider.dev/v1alpha1',
    kind: 'MailDomain',
    metadata: { name, namespace: 'mail', ...(created !== undefined && { creationTimestamp: created }) },
    spec: {
      mtaRefs: [{ name: 'mta' }],
      domain,
      aliases,
      target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox' }] } },
    },
  }));
  return { ...fleet, manifests: [...fleet.manifests, ...manifests], programmed };
};

/** Names of the domains that are in the config, after each list of resources in turn was programmed. */
function winners(...steps: readonly (readonly Named[])[]): string[] {
  const last = steps.reduce<CompileInput['programmed']>(
    (programmed, domains) => compile(input(domains, programmed)).config,
    undefined,
  );
  return last!.domains.map(({ resource }) => resource.split('/')[2]!).sort();
}

const older = { name: 'older', created: '2026-01-01T00:00:00Z', names: ['a.test'] };
const younger = { name: 'younger', created: '2026-02-01T00:00:00Z', names: ['a.test'] };

describe('a conflict', () => {
  it('of newcomers is won by the older one', () => {
    expect(winners([younger, older])).toEqual(['older']);
  });

  it('of newcomers of one age is won by name', () => {
    expect(
      winners([
        { ...older, name: 'b' },
        { ...older, name: 'a' },
      ]),
    ).toEqual(['a']);
  });

  it('is won by who is programmed, even against an older one', () => {
    expect(winners([younger], [younger, older])).toEqual(['younger']);
  });

  it('is over when the holder withdraws', () => {
    expect(winners([younger], [younger, older], [older])).toEqual(['older']);
    expect(winners([younger], [{ ...younger, names: ['b.test'] }, older])).toEqual(['older', 'younger']);
  });

  it('is not won by a resource that is programmed with other names', () => {
    const others = { ...older, names: ['b.test'] };
    expect(winners([younger, others], [younger, { ...others, names: ['b.test', 'a.test'] }])).toEqual([
      'younger',
    ]);
  });

  it('over a free name is decided by age, whoever is programmed with something else', () => {
    const programmed = { ...younger, names: ['b.test'] };
    expect(winners([programmed], [{ ...programmed, names: ['b.test', 'a.test'] }, older])).toEqual(['older']);
  });

  it('of two that want each other’s names leaves one of them', () => {
    const one = { name: 'one', names: ['a.test'] };
    const two = { name: 'two', names: ['b.test'] };
    const both = [
      { ...one, names: ['a.test', 'b.test'] },
      { ...two, names: ['b.test', 'a.test'] },
    ];
    expect(winners([one, two], both)).toEqual(['one']);
  });

  it('leaves the names of the loser to the next', () => {
    const loser = { ...younger, names: ['a.test', 'c.test'] };
    const next = { name: 'next', created: '2026-03-01T00:00:00Z', names: ['c.test'] };
    expect(winners([older, loser, next])).toEqual(['next', 'older']);
  });

  it('is told to the loser with the name of the winner and the field', () => {
    const { diagnostics } = compile(input([older, { ...younger, names: ['c.test', 'A.test'] }]));
    expect(diagnostics.filter(({ status }) => status === 'False')).toMatchObject([
      {
        resource: { name: 'younger' },
        path: 'spec.aliases[0]',
        condition: 'Accepted',
        reason: 'Conflicted',
        message: expect.stringContaining('MailDomain/mail/older has domain a.test'),
      },
    ]);
  });
});
