import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../../mta/config.ts';
import { PostriderError } from '../../mta/errors.ts';
import type { Diagnostic } from '../../operator/compile/types.ts';
import { testConfig } from '../../test/support/config.ts';
import { collect } from '../manifests/collect.ts';
import { findingsOf } from './findings.ts';
import type { Project } from './project.ts';
import { Reloader } from './reload.ts';
import { firstConfig } from './revisions.ts';

const config = testConfig(
  '/nowhere',
  { smtp: 1, submission: 2, health: 3, control: 4 },
  {
    revision: 7,
    resources: { 'MailDomain/mail/ours': 1 },
  },
);
const manifests = collect([], []);
const project = (more: Partial<Project> = {}): Project => ({
  manifests,
  fleet: undefined,
  diagnostics: [],
  config,
  generated: [],
  ...more,
});
const refusal = (name: string, reason: string): Diagnostic => ({
  resource: { kind: 'MailDomain', namespace: 'mail', name },
  condition: 'Accepted',
  status: 'False',
  reason,
  message: 'no',
});
const changed: MtaConfig = { ...config, workers: 3 };
const unreadable = {
  ...manifests,
  problems: [{ place: { file: 'a', line: 1, column: 1 }, reason: 'InvalidYAML' as const, message: 'no' }],
};

async function reload(
  loads: (() => Project)[],
  push: (config: MtaConfig) => Promise<void> = async () => undefined,
) {
  const lines: string[] = [];
  const stored: MtaConfig[] = [];
  const reloader = new Reloader({
    config,
    findings: findingsOf(project()),
    load: () => loads.shift()!(),
    push,
    store: (next) => stored.push(next),
    write: (line) => lines.push(line),
  });
  while (loads.length > 0) {
    reloader.changed();
    await reloader.settled();
  }
  return { lines, revisions: stored.map(({ revision }) => revision) };
}

describe('after a change of manifests', () => {
  it.each([
    ['new and not valid', refusal('new', 'Invalid')],
    ['valid and wrong', refusal('ours', 'Conflicted')],
  ])('a resource that is %s is left out', async (_, diagnostic) => {
    const loaded = await reload([() => project({ config: changed, diagnostics: [diagnostic] })]);
    expect(loaded.revisions).toEqual([8]);
  });

  it('a config that differs gets the next revision, once', async () => {
    expect(await reload([() => project({ config: changed }), () => project({ config: changed })])).toEqual({
      lines: [
        'manifests have changed',
        '  revision 8 is loaded',
        'manifests have changed',
        '  nothing new for the mta: revision 8 stays',
      ],
      revisions: [8],
    });
  });

  it.each<[string, () => Project]>([
    ['a file cannot be read', () => project({ manifests: unreadable, config: changed })],
    [
      'MailDomain/mail/ours is not valid',
      () => project({ config: changed, diagnostics: [refusal('ours', 'Invalid')] }),
    ],
    [
      'MailDomain/mail/ours is not valid',
      () => project({ config: changed, diagnostics: [refusal('ours', 'NotYetSupported')] }),
    ],
    ['the MTA itself is not accepted', () => project({ config: undefined })],
    [
      'There is no folder x (Make it)',
      () => {
        throw new PostriderError('ManifestInvalid', 'There is no folder x', { hint: 'Make it' });
      },
    ],
  ])('everything stays where %s', async (why, load) => {
    const { lines, revisions } = await reload([load]);
    expect(lines.at(-1)).toBe(`  revision 7 stays: ${why}`);
    expect(revisions).toEqual([]);
  });

  it('a config that the mta refuses is not kept for its next start', async () => {
    const refused = await reload([() => project({ config: changed })], async () => {
      throw new PostriderError('ControlRefused', 'ports need a restart');
    });
    expect(refused).toEqual({
      lines: ['manifests have changed', '  revision 7 stays: ports need a restart'],
      revisions: [],
    });
  });

  it('a config for an mta that is down waits for its start', async () => {
    const { revisions } = await reload([() => project({ config: changed })], async () => {
      throw new PostriderError('ControlUnreachable', 'nobody');
    });
    expect(revisions).toEqual([8]);
  });
});

describe('the first config', () => {
  it('goes on from the revision of the last run, and only where it differs', () => {
    expect(firstConfig(project(), config, 'dir').revision).toBe(7);
    expect(firstConfig(project({ config: changed }), config, 'dir').revision).toBe(8);
    expect(firstConfig(project(), undefined, 'dir')).toBe(config);
  });

  it('is refused where a file cannot be read, or nothing could run', () => {
    expect(() => firstConfig(project({ manifests: unreadable }), config, 'dir')).toThrow("can't be run");
    expect(() => firstConfig(project({ config: undefined }), config, 'dir')).toThrow("can't be run");
  });
});
