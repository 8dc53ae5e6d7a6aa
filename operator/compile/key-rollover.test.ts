/** Keys of a listener from one to the next. */
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { MtaConfig } from '../../mta/config.ts';
import type { Issued } from '../../test/support/issuer.ts';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';
import { authority, HOUR, issue, MX, record, START, sorted, verdictOf, World } from './testing/rollover.ts';

describe('a new key', () => {
  it('waits until its record has been listed for the lead time, and the old record goes with the old key', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const world = new World(old);
    expect(verdictOf(world.look())).toMatchObject({ status: 'True', reason: 'DANEReady' });
    expect(world.listed).toEqual([record(MX, old)]);

    world.secrets['mx'] = fresh;
    const first = world.look(5);
    expect(world.shown()).toEqual([old]);
    expect(world.listed).toEqual(sorted(record(MX, old), record(MX, fresh)));
    expect(first.tlsa?.next).toBe(world.now + HOUR);
    const { status, reason, message } = verdictOf(first);
    expect({ status, reason }).toEqual({ status: 'False', reason: 'KeyWaits' });
    expect(message).toContain('Secret mx of listener smtp has a new key');
    expect(message).toContain(new Date(world.now + HOUR).toISOString().slice(0, 19));
    expect(message).toContain(record(MX, fresh).replace(' ', ' TLSA '));

    world.look(0.9);
    expect(world.shown()).toEqual([old]);
    const last = world.look(0.1);
    expect(world.shown()).toEqual([fresh]);
    expect(verdictOf(last).reason).toBe('DANEReady');
    expect(last.tlsa?.next).toBeUndefined();
    expect(world.listed).toEqual([record(MX, fresh)]);
  });

  it('keeps the old record until every pod has loaded it', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const world = new World(old);
    world.look();
    world.secrets['mx'] = fresh;
    world.look();
    world.isLoaded = false;
    world.look(1);
    expect(world.shown()).toEqual([fresh]);
    expect(world.listed).toEqual(sorted(record(MX, old), record(MX, fresh)));
    world.isLoaded = true;
    world.look();
    expect(world.listed).toEqual([record(MX, fresh)]);
  });

  it('that is followed by another starts that one anew, and is forgotten', () => {
    const [old, second, third] = [issue(MX), issue(MX), issue(MX)];
    const world = new World(old);
    world.look();
    world.secrets['mx'] = second;
    world.look();
    world.secrets['mx'] = third;
    world.look(0.5);
    expect(world.listed).toEqual(sorted(record(MX, old), record(MX, third)));
    world.look(0.9);
    expect(world.shown()).toEqual([old]);
    world.look(0.1);
    expect(world.shown()).toEqual([third]);
  });

  it('that is taken back leaves everything as it was', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const world = new World(old);
    world.look();
    world.secrets['mx'] = fresh;
    world.look();
    world.secrets['mx'] = old;
    expect(verdictOf(world.look(0.1)).reason).toBe('DANEReady');
    expect(world.shown()).toEqual([old]);
    expect(world.listed).toEqual([record(MX, old)]);
  });

  it('waits also where another Secret is named, and where no status is left to tell of the old one', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const world = new World(old);
    world.look();
    world.secrets['other'] = fresh;
    world.tls = { ...world.tls, certificateRef: { name: 'other' } };
    world.records = [];
    world.look();
    expect(world.shown()).toEqual([old]);
    expect(world.listed).toEqual(sorted(record(MX, old), record(MX, fresh)));
    world.look(1);
    expect(world.shown()).toEqual([fresh]);
  });

  it('waits at each listener for as long as that says, and not where there is no dane', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const world = new World(old);
    const tls = { certificateRef: { name: 'mx' } };
    world.more = [
      { name: 'slow', role: 'SMTP', port: 2526, tls: { ...tls, dane: { lead: '3h' } } },
      { name: 'users', role: 'Submission', port: 2587, tls },
    ];
    world.look();
    world.secrets['mx'] = fresh;
    world.look();
    const shown = () => ['smtp', 'slow', 'users'].map((name) => world.shown(name)[0]);
    expect(shown()).toEqual([old, old, fresh]);
    world.look(1);
    expect(shown()).toEqual([fresh, old, fresh]);
    expect(world.listed).toEqual(sorted(record(MX, old), record(MX, fresh)));
    world.look(2);
    expect(shown()).toEqual([fresh, fresh, fresh]);
    expect(world.listed).toEqual([record(MX, fresh)]);
  });
});

describe('what needs no record first', () => {
  it('is the same key in another certificate', () => {
    const old = issue(MX);
    const world = new World(old);
    world.look();
    const again = authority.issue([MX], { key: old.key });
    expect(again.crt).not.toBe(old.crt);
    world.secrets['mx'] = again;
    expect(verdictOf(world.look()).reason).toBe('DANEReady');
    expect(world.shown()).toEqual([again]);
    expect(world.listed).toEqual([record(MX, old)]);
  });

  it('is a listener that begins, and a name that had no records', () => {
    const [mx, other] = [issue(MX), issue('mx.other.test')];
    const world = new World(mx);
    world.look();
    world.secrets['other'] = other;
    world.tls = { ...world.tls, additionalCertificateRefs: [{ name: 'other' }] };
    expect(verdictOf(world.look()).reason).toBe('DANEReady');
    expect(world.shown()).toEqual([mx, other]);
    expect(world.listed).toEqual(
      sorted(record(MX, mx), record('mx.other.test', mx), record('mx.other.test', other)),
    );
  });

  it('is anything where records are shown to nobody', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const input = (mx: Issued, programmed?: MtaConfig) =>
      inputFrom(
        stringify({
          ...{ apiVersion: 'postrider.dev/v1alpha1', kind: 'MTA' },
          metadata: { namespace: 'mail', name: 'mta' },
          spec: {
            hostname: MX,
            listeners: [
              { name: 'smtp', role: 'SMTP', port: 2525, tls: { certificateRef: { name: 'mx' }, dane: {} } },
            ],
          },
        }),
        {
          secrets: [{ namespace: 'mail', name: 'mx', values: { 'tls.crt': mx.crt, 'tls.key': mx.key } }],
          programmed,
        },
      );
    const { config } = compile(input(old));
    const after = compile(input(fresh, config));
    expect(after.config?.secrets['Secret/mail/mx/tls.crt']).toBe(fresh.crt);
    expect(after.tlsa).toBeUndefined();
  });
});

describe('a further certificate', () => {
  it('for a name that has records comes when its own have been listed', () => {
    const [mx, second] = [issue(MX), issue(MX, 'mx2.example.test')];
    const world = new World(mx);
    world.tls = { ...world.tls, dane: { lead: '1h', names: [MX, 'mx2.example.test'] } };
    world.look();
    world.secrets['second'] = second;
    world.tls = { ...world.tls, additionalCertificateRefs: [{ name: 'second' }] };
    world.look();
    expect(world.shown()).toEqual([mx]);
    expect(world.listed).toContain(record('mx2.example.test', second));
    world.look(1);
    expect(world.shown()).toEqual([mx, second]);
  });

  it('that is renewed is held by itself', () => {
    const [mx, old, fresh] = [issue(MX), issue('mx.other.test'), issue('mx.other.test')];
    const world = new World(mx);
    world.secrets['other'] = old;
    world.tls = { ...world.tls, additionalCertificateRefs: [{ name: 'other' }] };
    world.look();
    world.secrets['other'] = fresh;
    world.look(1);
    expect(world.shown()).toEqual([mx, old]);
    world.look(1);
    expect(world.shown()).toEqual([mx, fresh]);
  });
});

describe('a certificate that is shown already', () => {
  const MX2 = 'mx2.example.test';
  /** Two hosts, each with a certificate of its own. */
  const twoHosts = () => {
    const [one, two] = [issue(MX), issue(MX2)];
    const world = new World(one);
    world.secrets['mx2'] = two;
    const dane = { lead: '1h', names: [MX, MX2] };
    world.tls = { certificateRef: { name: 'mx' }, additionalCertificateRefs: [{ name: 'mx2' }], dane };
    world.look();
    expect(world.shown()).toEqual([one, two]);
    return { ...{ world, one, two }, swapped: { ...world.tls, certificateRef: { name: 'mx2' } } };
  };
  const idsIn = ({ config }: World) => Object.keys(config!.secrets).filter((id) => id.includes('tls.crt'));

  it('goes on beside the first one when the two are swapped, each under one name', () => {
    const { world, one, two, swapped } = twoHosts();
    world.tls = { ...swapped, additionalCertificateRefs: [{ name: 'mx' }] };
    for (const hours of [0, 0.5]) {
      expect(verdictOf(world.look(hours)).reason).toBe('KeyWaits');
      expect(world.shown()).toEqual([one, two]);
      expect(idsIn(world)).toEqual(['Secret/mail/mx/tls.crt', 'Secret/mail/mx2/tls.crt']);
      expect(world.listed).toEqual(
        sorted(record(MX, one), record(MX, two), record(MX2, one), record(MX2, two)),
      );
    }
    expect(verdictOf(world.look(0.5)).reason).toBe('DANEReady');
    expect(world.shown()).toEqual([two, one]);
    expect(world.listed).toEqual(sorted(record(MX, one), record(MX, two), record(MX2, two)));
  });

  it('goes on when it becomes the only one', () => {
    const { world, one, two, swapped } = twoHosts();
    world.tls = { ...swapped, additionalCertificateRefs: [] };
    for (const hours of [0, 0.5]) {
      expect(verdictOf(world.look(hours)).reason).toBe('KeyWaits');
      expect(world.shown()).toEqual([one, two]);
      expect(idsIn(world)).toEqual([
        expect.stringMatching(/^Secret\/mail\/mx\/tls.crt\/[0-9a-f]{16}$/),
        'Secret/mail/mx2/tls.crt',
      ]);
      expect(world.listed).toEqual(
        sorted(record(MX, one), record(MX, two), record(MX2, one), record(MX2, two)),
      );
    }
    world.look(0.5);
    expect(world.shown()).toEqual([two]);
    expect(world.listed).toEqual(sorted(record(MX, two), record(MX2, two)));
  });

  it('goes on, too, where its Secret has another key before it may be the first', () => {
    const { world, one, two, swapped } = twoHosts();
    world.tls = { ...swapped, additionalCertificateRefs: [] };
    world.look();
    const fresh = issue(MX, MX2);
    world.secrets['mx2'] = fresh;
    world.look(0.5);
    expect(world.shown()).toEqual([one, two]);
    world.look(1);
    expect(world.shown()).toEqual([fresh]);
  });

  it('goes on under the name of another Secret', () => {
    const { world, one, two } = twoHosts();
    const both = issue(MX, MX2);
    world.secrets = { mx: both, ...{ mx2: two, copy: one } };
    world.tls = { ...world.tls, additionalCertificateRefs: [{ name: 'mx2' }, { name: 'copy' }] };
    world.look();
    expect(world.shown()).toEqual([one, two]);
    expect(idsIn(world)).toEqual(['Secret/mail/copy/tls.crt', 'Secret/mail/mx2/tls.crt']);
    world.look(1);
    expect(world.shown()).toEqual([both, two, one]);
  });

  it('has the names that it had, while one with the same names waits to come before it', () => {
    const [one, two, third] = [issue(MX), issue(MX2), issue(MX2, 'mx3.example.test')];
    const world = new World(one);
    world.secrets = { mx: one, mx2: two, mx3: third };
    const dane = { lead: '1h', names: [MX, MX2, 'mx3.example.test'] };
    const refs = (...names: string[]) => names.map((name) => ({ name }));
    world.tls = {
      ...{ certificateRef: { name: 'mx' }, additionalCertificateRefs: refs('mx2', 'mx3'), dane },
    };
    world.look();
    world.tls = { ...world.tls, additionalCertificateRefs: refs('mx3', 'mx2') };
    expect(verdictOf(world.look()).reason).toBe('KeyWaits');
    expect(world.shown()).toEqual([one, two, third]);
    world.look(1);
    expect(world.shown()).toEqual([one, third, two]);
  });
});

describe('a certificate that expires before the new key may be shown', () => {
  it('is shown until then, and the new one from then on: loudly, with the old record beside the new', () => {
    const [old, fresh] = [issue(MX), issue(MX)];
    const world = new World(old);
    world.tls = { ...world.tls, dane: { lead: '48h' } };
    world.look();
    world.secrets['mx'] = authority.issue([MX], { days: 90, key: fresh.key });
    const first = world.look(23);
    expect(world.shown()).toEqual([old]);
    expect(first.tlsa!.next! - START).toBeLessThanOrEqual(24 * HOUR);
    expect(verdictOf(first).message).toContain('when the certificate before it expires');

    const forced = world.look(2);
    expect(world.shown()[0]?.key).toBe(fresh.key);
    expect(verdictOf(forced)).toMatchObject({ status: 'False', reason: 'KeyUsedEarly' });
    expect(verdictOf(forced).message).toContain(record(MX, fresh).replace(' ', ' TLSA '));
    expect(verdictOf(world.look(1)).reason).toBe('KeyUsedEarly');
    expect(world.listed).toEqual(sorted(record(MX, old), record(MX, fresh)));

    const last = world.look(46);
    expect(verdictOf(last).reason).toBe('DANEReady');
    expect(world.listed).toEqual([record(MX, fresh)]);
  });

  it('stays where the new one has expired, too', () => {
    const [old, fresh] = [authority.issue([MX], { expired: true }), authority.issue([MX], { expired: true })];
    const world = new World(old);
    world.look();
    world.secrets['mx'] = fresh;
    expect(verdictOf(world.look()).reason).toBe('KeyWaits');
    expect(world.shown()).toEqual([old]);
    world.look(1);
    expect(world.shown()).toEqual([fresh]);
  });
});

describe('where nobody knows what is shown now', () => {
  it('a listener has its first certificate at once, loudly, and further ones when they may', () => {
    const [old, fresh, second] = [issue(MX), issue(MX), issue(MX, 'mx2.example.test')];
    const world = new World(old);
    world.tls = { ...world.tls, dane: { lead: '1h', names: [MX, 'mx2.example.test'] } };
    world.look();
    world.secrets = { mx: fresh, second };
    world.tls = { ...world.tls, additionalCertificateRefs: [{ name: 'second' }] };
    world.config = undefined;
    expect(verdictOf(world.look(5)).reason).toBe('KeyUsedEarly');
    expect(world.shown()).toEqual([fresh]);
    expect(world.listed).toContain(record(MX, old));
    expect(world.listed).toContain(record(MX, fresh));
    expect(verdictOf(world.look(0.5)).reason).toBe('KeyUsedEarly');
    expect(verdictOf(world.look(0.5)).reason).toBe('DANEReady');
    expect(world.shown()).toEqual([fresh, second]);
    expect(world.listed).not.toContain(record(MX, old));
  });
});

describe('what can not be', () => {
  it('is a name that is none', () => {
    const world = new World(issue(MX));
    world.tls = { ...world.tls, dane: { names: ['-.example'] } };
    const { diagnostics, config } = world.look();
    expect(config).toBeUndefined();
    expect(diagnostics.map(({ message }) => message)).toContain(
      'spec.listeners[0].tls.dane.names[0]: -.example is not a domain name',
    );
  });
});
