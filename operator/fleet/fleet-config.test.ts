import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reasons } from '../../crds/conditions.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { compile } from '../compile/compile.ts';
import { inputFrom } from '../compile/testing/manifests.ts';
import { podEnvironment } from './environment.ts';
import { FleetConfig } from './fleet-config.ts';

const yaml = readFileSync(join(import.meta.dirname, '../compile/__golden__/full/input.yaml'), 'utf8');
const environment = podEnvironment(
  { namespace: 'mail', name: 'mta' },
  ({ username, password }) => `${username} ${password}`,
);
const compiled = (text = yaml) => compile(inputFrom(text, { environment, revision: 0 }));
const base = compiled().config!;
const changed: MtaConfig = { ...base, workers: 7 };

describe('the config for a pod', () => {
  it('has a control port by certificate, and finds its peers by the headless Service', () => {
    expect(base.control).toEqual({ access: 'certificate', address: '0.0.0.0', port: 2580 });
    expect(base.peers?.members).toEqual({ source: 'dns', name: 'mta-pods.mail.svc', port: 2582 });
    expect(Object.keys(base.secrets).filter((id) => id.includes('control-token'))).toEqual([]);
  });

  it('keeps listeners off the ports that each pod has', () => {
    const { diagnostics } = compiled(yaml.replace('port: 2526', 'port: 2582'));
    expect(diagnostics.find(({ reason }) => reason === reasons.PortConflict)?.message).toContain(
      'listener inside has port 2582, which the fleet channel has already',
    );
  });
});

describe('the revisions of a fleet', () => {
  it('begin with 1, and go up where something differs', () => {
    const config = new FleetConfig(undefined, seeded(1));
    const first = config.next(base, 0);
    expect(first.revision).toBe(1);
    expect(config.next({ ...base }, 0)).toBe(first);
    const second = config.next(changed, 0);
    expect(second.revision).toBe(2);
    expect(second.id).not.toBe(first.id);
    expect(config.fragments.get('MTA/mail/mta')?.revision).toBe(2);
    expect([...config.fragments.values()].filter(({ revision }) => revision === 1).length).toBeGreaterThan(3);
  });

  it('go on where an operator before had left them', () => {
    const stored = { ...base, revision: 41 };
    const config = new FleetConfig(stored, seeded(1));
    expect(config.next(base, 0)).toBe(stored);
    expect(config.next(changed, 0).revision).toBe(42);
  });

  it('are higher than what any pod has of another operator, with the same content too', () => {
    const config = new FleetConfig({ ...base, revision: 41 }, seeded(1));
    expect(config.next(base, 50).revision).toBe(51);
    expect(config.next(base, 0).revision).toBe(51);
    // Of the same number is not the same.
    expect(config.next(base, 51).revision).toBe(52);
  });
});
