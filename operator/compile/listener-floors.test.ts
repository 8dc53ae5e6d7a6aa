import { describe, expect, it } from 'vitest';
import { compile } from './compile.ts';
import { environment, inputFrom } from './testing/manifests.ts';

const MTA = `
apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {namespace: mail, name: mta}
spec:
  hostname: mail.example.org
  listeners:
    - {name: smtp, role: SMTP, port: 2525}
    - {name: submission, role: Submission, port: 2587, tls: {profile: Intermediate}}
    - {name: plain, role: SMTP, port: 2526, tls: {mode: None}}
  attachment: [{name: all, namespaces: {names: [shop]}, kinds: [MailTLSPolicy]}]
`;
const policy = (name: string, spec: string, namespace = 'mail') => `---
apiVersion: postrider.dev/v1alpha1
kind: MailTLSPolicy
metadata: {namespace: ${namespace}, name: ${name}}
spec: {mtaRefs: [{name: mta, namespace: mail}], ${spec}}
`;

function compiled(...policies: readonly string[]) {
  const fallbackCertificate = { certificate: 'certificate', key: 'key' };
  const input = inputFrom([MTA, ...policies].join(''), {
    environment: { ...environment, fallbackCertificate },
  });
  const { config, diagnostics } = compile(input);
  const tls = new Map(config?.listeners.map((listener) => [listener.name, listener.tls]));
  return {
    of: (name: string) => {
      const { required, minVersion } = tls.get(name)!;
      return `${required ? 'required' : 'offered'} ${minVersion}`;
    },
    said: diagnostics
      .filter(({ status }) => status === 'False')
      .map(({ condition, reason, message }) => `${condition} ${reason} ${message}`),
  };
}

it('a listener without a policy is what it says', () => {
  const { of, said } = compiled();
  expect(said).toEqual([]);
  expect([of('smtp'), of('submission')]).toEqual(['offered TLSv1.2', 'offered TLSv1.2']);
});

it('a policy raises what the listeners take that it names, and no others', () => {
  const { of, said } = compiled(policy('bank', 'mode: Required, listeners: [submission]'));
  expect(said).toEqual([]);
  expect([of('smtp'), of('submission')]).toEqual(['offered TLSv1.2', 'required TLSv1.2']);
});

it('a listener that takes nothing in clear text any more has the profile of such a one, where it names none', () => {
  expect(compiled(policy('all', 'mode: Required, listeners: [smtp]')).of('smtp')).toBe('required TLSv1.3');
});

it('of several the strictest counts, of each part', () => {
  const { of } = compiled(
    policy('newest', 'mode: Opportunistic, minVersion: TLSv1.3, listeners: [submission]'),
    policy('required', 'mode: Required, listeners: [submission]'),
  );
  expect(of('submission')).toBe('required TLSv1.3');
});

describe('what it can not be for is said of it', () => {
  it.each<[string, string, string, RegExp]>([
    [
      'a listener that there is not',
      'mode: Required, listeners: [smpt]',
      'mail',
      /^ResolvedRefs ListenerNotFound .*spec.listeners\[0\].*no listener smpt/,
    ],
    [
      'one without TLS',
      'mode: Required, listeners: [plain]',
      'mail',
      /^ResolvedRefs ListenerWithoutTLS .*goes on in clear text/,
    ],
    [
      'those of another namespace',
      'mode: Required, listeners: [smtp]',
      'shop',
      /^Accepted NotAllowedByMTA .*spec.listeners/,
    ],
  ])('%s', (_what, spec, namespace, why) => {
    const { of, said } = compiled(policy('bad', spec, namespace));
    expect(said).toEqual([expect.stringMatching(why)]);
    expect(of('smtp')).toBe('offered TLSv1.2');
  });

  it('not of one that is offered no TLS and need not be', () => {
    expect(compiled(policy('any', 'mode: Opportunistic, listeners: [plain]')).said).toEqual([]);
  });
});
