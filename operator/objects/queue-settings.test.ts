import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { podTemplate } from './pod.ts';
import { isToBeReplaced } from './queue-settings.ts';

const settings = { image: 'mta:1', operator: { namespace: 'postrider', labels: {} } };
const templateOf = (more: object) => {
  const spec = mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }],
    ...more,
  });
  return podTemplate({ namespace: 'mail', name: 'mta', uid: 'u', spec }, settings);
};
const pod = { namespace: 'mail', name: 'mta-0', annotations: templateOf({}).metadata!.annotations! };

describe('pods', () => {
  it.each([
    ['leaseTerm', '20s'],
    ['inlineMessageSize', '1Mi'],
    ['segmentSize', '32Mi'],
    ['minFree', '1Gi'],
  ])('are replaced for another %s', (setting, value) => {
    const { metadata } = templateOf({ storage: { [setting]: value } });
    expect(isToBeReplaced(pod, metadata)).toBe(true);
  });

  it('are not replaced for what they take while they run', () => {
    const listeners = [{ name: 'other', role: 'SMTP', port: 2526 }];
    const other = {
      listeners,
      workers: 3,
      log: { level: 'debug', historyDays: 30 },
      delivery: { lifetime: '24h' },
    };
    expect(templateOf(other)).toEqual(templateOf({}));
    expect(isToBeReplaced(pod, templateOf(other).metadata)).toBe(false);
  });

  it('are not replaced where it is not known with what they were made, or what is wanted', () => {
    expect(
      isToBeReplaced({ ...pod, annotations: {} }, templateOf({ storage: { minFree: '1Gi' } }).metadata),
    ).toBe(false);
    expect(isToBeReplaced(pod, undefined)).toBe(false);
  });
});
