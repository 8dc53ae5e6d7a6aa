import { describe, expect, it } from 'vitest';
import { badMtaNames } from '../../crds/testing/broken-rules.ts';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';

const domain = `
apiVersion: postrider.dev/v1alpha1
kind: MailDomain
metadata: {name: twice, namespace: mail}
spec: {mtaRefs: [{name: mta}], domain: example.test, target: {type: LMTP, lmtp: {hosts: [{host: a}]}}}
`;
const refused = (yaml: string) =>
  compile(inputFrom(yaml)).diagnostics.filter(({ status }) => status === 'False');

describe('manifests', () => {
  it('that stand twice are told so', () => {
    expect(refused(`${domain}---${domain}`)).toContainEqual(expect.objectContaining({ reason: 'Duplicate' }));
  });

  it('of other groups are none of ours', () => {
    expect(refused('apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n')).toMatchObject([
      { resource: { kind: 'MTA' }, reason: 'MTANotFound' },
    ]);
  });

  it('without a namespace are in default', () => {
    const yaml =
      'apiVersion: postrider.dev/v1alpha1\nkind: MailUser\nmetadata: {name: a}\nspec: {mtaRefs: 1}\n';
    expect(refused(yaml)).toContainEqual(
      expect.objectContaining({
        resource: { kind: 'MailUser', namespace: 'default', name: 'a' },
        path: 'spec.mtaRefs',
      }),
    );
  });

  it.each([
    ['verified', 'Pinned, DANE, MTASTS, DANEOrMTASTS, did you mean Verified?'],
    ['Opportunstic', 'did you mean Opportunistic?'],
    ['Rot13', 'MTASTS, DANEOrMTASTS'],
  ])('that have a wrong value are told the right ones: %s', (mode, end) => {
    const yaml = `apiVersion: postrider.dev/v1alpha1\nkind: MailTLSPolicy\nmetadata: {name: a}\nspec: {mtaRefs: [{name: mta}], mode: ${mode}}\n`;
    const [{ message } = { message: '' }] = refused(yaml).filter(({ path }) => path === 'spec.mode');
    expect(message).toMatch(/^spec\.mode: must be one of None, Opportunistic, Required/);
    expect(message.slice(-end.length)).toBe(end);
  });

  it.each(badMtaNames)('have names that those of pods can be made of, not %s', (name) => {
    const yaml = `apiVersion: postrider.dev/v1alpha1\nkind: MTA\nmetadata: {name: ${name}, namespace: mail}\nspec: {}\n`;
    expect(refused(yaml)).toMatchObject([{ path: 'metadata.name', reason: 'Invalid' }]);
  });
});
