/** The whole mta with a policy of mode MTASTS: real DNS, Policy Hosts at port 443 of loopback, and what a restart keeps. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Peer, startPeer } from '../../mta/deliver/testing/peer.ts';
import { authorityCertificate, identityOf } from '../conformance/mta-sts/certificates.ts';
import { type PolicyHost, startPolicyHost, text } from '../conformance/mta-sts/policy-host.ts';
import { policyText } from '../conformance/mta-sts/world.ts';
import { DELIVERY } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { type Dns, startDns } from '../support/dns.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { runOk } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

const POLICY_HOST = '127.0.0.45';

describeWith(['root', 'swaks', 'nsd', 'unbound'], 'mail for domains with MTA-STS policies', () => {
  const peers: Peer[] = [];
  let policyHost: PolicyHost;
  let dns: Dns;
  let mta: Mta;

  beforeAll(async () => {
    const authority = join(temporaryFolder('authority'), 'ca.crt');
    writeFileSync(authority, authorityCertificate());
    const answers = { EHLO: '250-peer.test\r\n250 STARTTLS' };
    const good = identityOf('mx.good.test', 'good');
    peers.push(await startPeer({ answers, identity: good }, { address: '127.0.0.46' }));
    const [{ port }] = peers as [Peer];
    peers.push(await startPeer({ answers }, { address: '127.0.0.47', port }));
    const names = ['good', 'bad', 'tried'].map((name) => `mta-sts.${name}.test`);
    policyHost = await startPolicyHost(
      { address: POLICY_HOST, port: 443 },
      identityOf(names[0]!, 'good', names),
    );
    policyHost.answer = (request, response) => {
      const domain = String(request.headers.host).replace('mta-sts.', '');
      text(policyText(domain === 'tried.test' ? 'testing' : 'enforce', `mx.${domain}`))(request, response);
    };
    const zone = (address: string) => [
      ...['@ MX 10 mx', `mx A ${address}`, `mta-sts A ${POLICY_HOST}`],
      '_mta-sts TXT "v=STSv1; id=1"',
    ];
    dns = await startDns({
      'good.test': zone('127.0.0.46'),
      'bad.test': zone('127.0.0.47'),
      'tried.test': zone('127.0.0.47'),
    });
    mta = await startMta({
      env: { NODE_EXTRA_CA_CERTS: authority },
      config: () => ({
        delivery: { ...DELIVERY, mxPort: port, addressFamilies: ['ipv4'], defaultTls: 'sts' },
        resolver: { servers: [dns.server], timeoutSeconds: 5 },
        egress: { allow: ['127.0.0.0/8'] },
        tlsPolicies: [
          { name: 'sts', mode: 'mtaSts', fallbackToClear: true, minVersion: 'TLSv1.2', destinations: [] },
        ],
      }),
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await dns?.stop();
    await policyHost?.close();
    await Promise.all(peers.map((peer) => peer.close()));
  });

  const send = (to: string) =>
    runOk(program('swaks'), [
      ...[
        '--server',
        '127.0.0.1',
        '--port',
        String(mta.ports.smtp),
        '--from',
        'anna@sender.test',
        '--to',
        to,
      ],
    ]);
  const outcome = (to: string) =>
    waitFor(`an attempt for ${to}`, () => mta.log().findLast((line) => line['to'] === to && 'reply' in line));

  it('goes in TLS to a host that a policy names and whose certificate is valid', async () => {
    await send('bob@good.test');
    expect(await outcome('bob@good.test')).toMatchObject({ tls: expect.stringMatching(/^TLSv1\.3/) });
    expect(peers[0]!.serverNames).toEqual(['mx.good.test']);
    expect(policyHost.requests.at(-1)).toMatchObject({
      host: 'mta-sts.good.test',
      serverName: 'mta-sts.good.test',
    });
  });

  it('waits where the certificate is not, and goes where that is tested, which is counted', async () => {
    await send('bob@bad.test');
    const { reply } = await outcome('bob@bad.test');
    expect(String(reply)).toMatch(/^451 4\.7\.5 .*certificate-not-trusted.*MTA-STS policy of bad\.test/);
    await send('bob@tried.test');
    expect(String((await outcome('bob@tried.test'))['reply'])).toMatch(/^250/);
    expect(await mta.metric('postrider_mta_sts_fetches_total')).toBeGreaterThanOrEqual(3);
    expect(await mta.metric('postrider_mta_sts_failures_total')).toBeGreaterThanOrEqual(2);
  });

  it('waits after a crash, too, though the Policy Host is gone: its policy is on the volume, beside the queue', async () => {
    const folder = `${mta.config.queue.path}.mta-sts`;
    expect(readdirSync(folder).filter((name) => name.endsWith('.json'))).toHaveLength(3);
    await policyHost.close();
    await mta.kill9();
    await mta.restart();
    const before = policyHost.requests.length;
    await send('carl@bad.test');
    expect(String((await outcome('carl@bad.test'))['reply'])).toMatch(/^451 4\.7\.5 /);
    expect(policyHost.requests).toHaveLength(before);
    expect(peers[1]!.lines.filter((line) => line.includes('@bad.test'))).toEqual([]);
  });
});
