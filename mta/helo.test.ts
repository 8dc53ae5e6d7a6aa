import { describe, expect, it } from 'vitest';
import { heloName, isHeloName } from './helo.ts';

const names = (hostname?: string) => ({
  fleet: { namespace: 'mail', name: 'mta', hostname: 'mail.example.org', postmaster: 'postmaster' },
  egress: { allow: [], ...(hostname !== undefined && { hostname }) },
});

describe('the name that a pod gives of itself', () => {
  it.each([
    [undefined, 'mta-3', 'mail.example.org'],
    ['out.example.org', 'mta-3', 'out.example.org'],
    ['mx{ordinal}.example.org', 'mta-3', 'mx3.example.org'],
    ['mx{ordinal}.example.org', 'mta-2-13', 'mx13.example.org'],
    ['{pod}.out.example.org', 'mta-3', 'mta-3.out.example.org'],
    ['mx{ordinal}.example.org', 'laptop', 'mx0.example.org'],
  ])('%s of %s is %s', (hostname, member, name) => expect(heloName(names(hostname), member)).toBe(name));

  it.each([
    [undefined, 'mail.example.org', true],
    ['out.example.org', 'out.example.org', true],
    ['out.example.org', 'outxexample.org', false],
    ['mx{ordinal}.example.org', 'mx17.example.org', true],
    ['mx{ordinal}.example.org', 'mx.example.org', false],
    ['mx{ordinal}.example.org', 'a.mx1.example.org', false],
    ['{pod}.example.org', 'mta-0.example.org', true],
    ['{pod}.example.org', 'a.b.example.org', false],
  ])('of %s, %s is one: %s', (hostname, name, is) => expect(isHeloName(names(hostname), name)).toBe(is));
});
