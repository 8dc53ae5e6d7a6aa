import { beforeAll, describe, expect, it } from 'vitest';
import { type Issued, issuer } from '../../test/support/issuer.ts';
import { names } from '../objects/fleet.ts';
import { compile } from './compile.ts';
import { policyFile } from './mta-sts.ts';
import { environment, inputFrom } from './testing/manifests.ts';
import type { CompileInput } from './types.ts';

const authority = issuer('authority');
let forMta: Issued;
let forHost: Issued;
beforeAll(() => {
  forMta = authority.issue(['mail.example.org']);
  forHost = authority.issue(['mta-sts.example.org', 'mta-sts.example.net']);
});

const ISSUED = names.policyCertificate({ name: 'mta' }, 'example.org');

interface Given {
  readonly mtaSts?: string;
  readonly web?: string;
  readonly tls?: string;
  readonly role?: string;
  readonly aliases?: string;
  readonly more?: Partial<CompileInput>;
  readonly secrets?: CompileInput['secrets'];
}

const secret = (namespace: string, name: string, { crt, key }: Issued) => ({
  ...{ namespace, name, values: { 'tls.crt': crt, 'tls.key': key } },
});

function compiled({
  mtaSts = '{mode: Enforce, certificateRef: {name: sts}}',
  web = '{}',
  tls = '{certificateRef: {name: mail-tls}}',
  role = 'SMTP',
  aliases = '[]',
  secrets = [secret('mail', 'sts', forHost)],
  more,
}: Given = {}) {
  const input = inputFrom(
    `
apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {namespace: mail, name: mta}
spec:
  hostname: mail.example.org
  web: ${web}
  listeners:
    - {name: smtp, role: ${role}, port: 2525, tls: ${tls}}
    - {name: submission, role: Submission, port: 2587, hostname: submit.example.org, tls: {certificateRef: {name: mail-tls}}}
---
apiVersion: postrider.dev/v1alpha1
kind: MailDomain
metadata: {namespace: mail, name: example}
spec:
  mtaRefs: [{name: mta}]
  domain: example.org
  aliases: ${aliases}
  target: {type: LMTP, lmtp: {hosts: [{host: inbox}]}}
  mtaSts: ${mtaSts}
`.replace('  web: none\n', ''),
    more,
  );
  const result = compile({ ...input, secrets: [secret('mail', 'mail-tls', forMta), ...secrets] });
  const published = result.config?.domains[0]?.mtaSts;
  return {
    ...result,
    published,
    policy: published && fieldsOf(published.policy),
    said: result.diagnostics
      .filter(({ resource, status }) => resource.kind === 'MailDomain' && status === 'False')
      .map(({ condition, reason, message }) => `${condition} ${reason} ${message}`),
  };
}

/** A line for each field, in any order. */
function fieldsOf(policy: string) {
  const lines = policy.trimEnd().split('\r\n');
  const values = (name: string) =>
    lines.flatMap((line) => (line.startsWith(`${name}: `) ? line.slice(name.length + 2) : []));
  return { mode: values('mode').join(), maxAge: Number(values('max_age').join()), mx: values('mx') };
}

it('publishes what is asked for, with the hostnames of the SMTP listeners', () => {
  const { policy, published, config, said } = compiled();
  expect(said).toEqual([]);
  expect(policy).toEqual({ mode: 'enforce', maxAge: 336 * 3600, mx: ['mail.example.org'] });
  expect(config?.secrets[published!.certificate]).toBe(forHost.crt);
  expect(config?.secrets[published!.key]).toBe(forHost.key);
  expect(config?.web).toEqual({ address: '127.0.0.1', port: 8443 });
});

it('names the hosts that the domain names, as DNS has them', () => {
  const mtaSts =
    '{mode: Testing, maxAge: 24h, mx: ["*.Example.net", mx.grüße.example], certificateRef: {name: sts}}';
  expect(compiled({ mtaSts }).policy).toEqual({
    ...{ mode: 'testing', maxAge: 86_400, mx: ['*.example.net', 'mx.xn--gre-6ka8l.example'] },
  });
});

it('publishes that there is no policy any more', () => {
  const { policy } = compiled({ mtaSts: '{mode: None, maxAge: 1h, certificateRef: {name: sts}}' });
  expect(policy).toEqual({ mode: 'none', maxAge: 3600, mx: ['mail.example.org'] });
});

describe('what keeps it from being published leaves the domain as it is', () => {
  it.each<[string, () => Given, RegExp]>([
    ['no web port', () => ({ web: 'none' }), /^ResolvedRefs NoWebPort .*ask who runs it to set spec.web/],
    [
      'no Secret',
      () => ({ secrets: [] }),
      /^ResolvedRefs SecretNotFound .*certificateRef: there is no Secret sts/,
    ],
    [
      'a key of another certificate',
      () => ({ secrets: [secret('mail', 'sts', { ...forHost, key: forMta.key })] }),
      /^ResolvedRefs SecretInvalid /,
    ],
    [
      'no such host',
      () => ({ mtaSts: '{mode: Enforce, mx: [mx.-x.test], certificateRef: {name: sts}}' }),
      /^ResolvedRefs NoPolicyHosts .*mx\[0\]: mx.-x.test is not the name of a host/,
    ],
    [
      'no listener that takes mail of the world',
      () => ({ role: 'LMTP' }),
      /^ResolvedRefs NoPolicyHosts .*no listener of the role SMTP/,
    ],
    [
      'no certificate and no issuer',
      () => ({ mtaSts: '{mode: Testing}' }),
      /^ResolvedRefs CertificateMissing .*certificateRef.*web.issuerRef/,
    ],
    [
      'a certificate that is not issued yet',
      () => ({ mtaSts: '{mode: Testing}', web: '{issuerRef: {name: ca}}' }),
      /^ResolvedRefs CertificateNotIssued .*Certificate mta-sts-\w+ for mta-sts.example.org/,
    ],
  ])('%s', (_what, given, why) => {
    const { published, config, said } = compiled(given());
    expect(published).toBeUndefined();
    expect(config?.domains).toHaveLength(1);
    expect(said.length).toBeGreaterThan(0);
    for (const line of said) expect(line).toMatch(why);
  });
});

it('says for which names the certificate is not', () => {
  const { published, said } = compiled({ aliases: '[example.net, example.com]' });
  expect(published).toBeDefined();
  expect(said).toEqual([
    expect.stringMatching(/CertificateMismatch .* is not for mta-sts.example.com: nobody/),
  ]);
});

it('has a certificate issued for all names of each domain that names none', () => {
  const web = '{issuerRef: {name: ca}}';
  const wanted = { mtaSts: '{mode: Testing}', web, aliases: '[example.net]' };
  expect(compiled(wanted).certificates).toEqual([
    { name: ISSUED, dnsNames: ['mta-sts.example.org', 'mta-sts.example.net'] },
  ]);
  const issued = compiled({ ...wanted, secrets: [secret('mail', ISSUED, forHost)] });
  expect(issued.said).toEqual([]);
  expect(issued.published).toBeDefined();
  expect(compiled({ web }).certificates).toEqual([]);
});

it('takes the certificate of the local mode', () => {
  const more = { environment: { ...environment, fallbackCertificate: { certificate: 'crt', key: 'key' } } };
  const { published, said } = compiled({ mtaSts: '{mode: Enforce}', secrets: [], more });
  expect(said).toEqual([]);
  expect(published).toBeDefined();
});

describe('a policy that the fleet would break is published for testing', () => {
  it.each<[string, Given, RegExp]>([
    ['without STARTTLS', { tls: '{mode: None}' }, /listener smtp has no STARTTLS/],
    [
      'with a certificate for another name',
      { tls: '{certificateRef: {name: sts}}' },
      /listener smtp has no certificate for mail.example.org/,
    ],
  ])('%s', (_what, given, why) => {
    const { policy, said } = compiled(given);
    expect(policy).toMatchObject({ mode: 'testing' });
    expect(said).toEqual([expect.stringMatching(/^ResolvedRefs CertificateMismatch spec.mtaSts.mode: /)]);
    expect(said[0]).toMatch(why);
  });

  it('not where the host is none that the policy names', () => {
    const mtaSts = '{mode: Enforce, mx: [mx.example.net], certificateRef: {name: sts}}';
    expect(compiled({ mtaSts, tls: '{mode: None}' }).policy).toMatchObject({ mode: 'enforce' });
  });

  it('not where a further certificate has the name', () => {
    const tls = '{certificateRef: {name: sts}, additionalCertificateRefs: [{name: mail-tls}]}';
    expect(compiled({ tls }).policy).toMatchObject({ mode: 'enforce' });
  });

  it('for the one label that a wildcard stands for', () => {
    const mtaSts = '{mode: Enforce, mx: ["*.example.org"], certificateRef: {name: sts}}';
    expect(compiled({ mtaSts, tls: '{mode: None}' }).policy).toMatchObject({ mode: 'testing' });
  });
});

it('refuses a port that a listener has', () => {
  const { diagnostics } = compiled({ web: '{port: 2525}' });
  expect(diagnostics.map(({ message }) => message).join()).toMatch(
    /spec.web.port: the web port has port 2525, which listener smtp has already/,
  );
});

it('is written as RFC 8461 §3.2 has it', () => {
  const file = policyFile({ mode: 'Enforce', maxAge: '90m', mx: ['a.test', '*.b.test'] });
  expect(file).toBe('version: STSv1\r\nmode: enforce\r\nmx: a.test\r\nmx: *.b.test\r\nmax_age: 5400\r\n');
});
