/** Services of an MTA through their changes, on an API server with two families; and what can only be told there. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SERVICES, STATEFUL_SETS } from '../../operator/kube/resources.ts';
import type { Service } from '../../operator/kube/types.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { Operated, WELL } from './support/operated.ts';

describeWithControlPlane('the Services of a fleet', () => {
  let plane: ControlPlane;
  let operated: Operated;
  let name = '';
  let made = 0;

  beforeAll(async () => {
    plane = await startControlPlane();
    operated = await Operated.start(plane);
  });
  afterAll(async () => {
    await operated?.stop();
    await plane?.stop();
  });
  beforeEach(() => {
    made += 1;
    name = `mta${made}`;
  });

  const service = async () => (await operated.there<Service>(SERVICES, `${name}-public`)).spec!;
  /** What the API server has is the same a while later, and the operator asks for nothing more. */
  async function settled(): Promise<void> {
    await operated.quiet();
    const { metadata } = (await operated.get(SERVICES, `${name}-public`))!;
    operated.writes.length = 0;
    await operated.apply(name, { ...last, workers: 3 });
    await operated.becomes(name, WELL);
    await operated.quiet();
    expect(operated.writes.filter((write) => write.endsWith(' services'))).toEqual([]);
    const now = (await operated.get(SERVICES, `${name}-public`))!;
    expect(now.metadata.resourceVersion).toBe(metadata.resourceVersion);
  }
  let last: object = {};
  const applyPublic = (more: object) => {
    last = { services: [{ name: 'public', ...more }] };
    return operated.apply(name, last);
  };

  it.each<[string, object, readonly string[]]>([
    ['one family', {}, ['IPv4']],
    ['the other family', { ipFamilies: ['IPv6'] }, ['IPv6']],
    ['both where it can be', { ipFamilyPolicy: 'PreferDualStack' }, ['IPv4', 'IPv6']],
    [
      'both, the second one first',
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
      ['IPv6', 'IPv4'],
    ],
  ])('have addresses of %s', async (_what, more, families) => {
    await applyPublic(more);
    const { clusterIPs } = await service();
    expect(clusterIPs!.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4'))).toEqual(families);
    await settled();
  });

  it('become others in place', async () => {
    await applyPublic({
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: ['192.0.2.0/24'],
    });
    const { clusterIP } = await service();
    await settled();
    await applyPublic({ type: 'NodePort', listeners: [{ name: 'smtp', port: 2500 }] });
    await waitFor('the type', async () => (await service()).type === 'NodePort');
    await applyPublic({});
    await waitFor('the type', async () => (await service()).type === 'ClusterIP');
    const now = await service();
    expect(now).toMatchObject({ clusterIP, ports: [{ port: 25, targetPort: 2525 }] });
    expect(now.ports![0]!.nodePort).toBeUndefined();
    expect(now.loadBalancerSourceRanges).toBeUndefined();
    await settled();
  });

  it.each([
    [{ nodeSelektor: { a: 'b' } }, 'nodeSelektor: field not declared in schema'],
    [{ tolerations: { a: 'b' } }, 'tolerations: expected list'],
    [
      { containers: [{ name: 'a', image: 'b', resources: { limits: { cpu: 'much' } } }] },
      'quantities must match',
    ],
  ])('and what no pod can have is said: %j', async (spec, problem) => {
    await operated.apply(name, { podTemplate: { spec } });
    const { message } = await operated.becomes(name, 'Ready=False/ObjectRefused');
    expect(message).toContain(`The API server refuses StatefulSet ${name}`);
    expect(message).toContain(problem);
    await operated.apply(name, { podTemplate: { spec: { nodeSelector: { a: 'b' } } } });
    await operated.becomes(name, WELL);
    await operated.there(STATEFUL_SETS, name);
  });
});
