import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import type { Fleet } from '../objects/fleet.ts';
import { type Credentials, credentialsOf, type Held } from './credentials.ts';
import type { SecretObject } from './watched.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 29);
const fleet: Fleet = {
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
  }),
};
const random = seeded(1);
const NOTHING: Held = { authority: undefined, identities: undefined, operator: undefined };

/** What is held after it was applied. */
const held = ({ secrets: [authority, identities], operator }: Credentials): Held => ({
  authority: authority as unknown as SecretObject,
  identities: identities as unknown as SecretObject,
  operator,
});
const of = (members: readonly string[], before: Held, now = NOW) =>
  credentialsOf(fleet, members, before, now, random);
const filesOf = ({ secrets }: Credentials): Record<string, string> => secrets[1]!.data!;

describe('the credentials of a fleet', () => {
  const first = of(['mta-0', 'mta-1'], NOTHING);

  it('are a pair for each member, an authority, and one that the operator keeps to itself', () => {
    expect(Object.keys(filesOf(first)).sort()).toEqual([
      ...['ca.crt', 'mta-0.crt', 'mta-0.key', 'mta-1.crt', 'mta-1.key'],
    ]);
    expect(JSON.stringify(first.secrets)).not.toContain(Buffer.from(first.operator.key).toString('base64'));
  });

  it('stay as they are while nothing is due', () => {
    const again = of(['mta-0', 'mta-1'], held(first), NOW + 59 * DAY);
    expect(again.secrets).toEqual(first.secrets);
    expect(again.operator).toBe(first.operator);
    expect(again.next).toBe(NOW + 60 * DAY);
  });

  it('change for whom they have to: one who comes, or goes', () => {
    const before = filesOf(first);
    const grown = filesOf(of(['mta-0', 'mta-1', 'mta-2'], held(first)));
    expect(grown).toMatchObject(before);
    expect(grown['mta-2.crt']).toBeDefined();
    const shrunk = filesOf(of(['mta-0'], held(first)));
    expect(shrunk['mta-0.crt']).toBe(before['mta-0.crt']);
    expect(shrunk['mta-1.crt']).toBeUndefined();
  });

  it('are issued anew when they grow old, by the same authority', () => {
    const later = of(['mta-0', 'mta-1'], held(first), NOW + 60 * DAY);
    expect(later.secrets[0]).toEqual(first.secrets[0]);
    expect(filesOf(later)['mta-0.crt']).not.toBe(filesOf(first)['mta-0.crt']);
    expect(later.operator).not.toBe(first.operator);
  });

  it('trust the next authority before anybody shows a certificate of it', () => {
    const due = NOW + 730 * DAY;
    const members = ['mta-0'];
    const changing = of(members, held(of(members, held(of(members, NOTHING)), due - DAY)), due);
    const trusted = (credentials: Credentials) =>
      Buffer.from(filesOf(credentials)['ca.crt']!, 'base64').toString().split('BEGIN').length - 1;
    expect(trusted(changing)).toBe(2);
    expect(changing.operator.authority.split('BEGIN')).toHaveLength(3);
    const signing = of(members, held(changing), due + 3_600_000);
    expect(filesOf(signing)['mta-0.crt']).not.toBe(filesOf(changing)['mta-0.crt']);
    expect(trusted(of(members, held(signing), due + 2 * 3_600_000))).toBe(1);
  });
});
