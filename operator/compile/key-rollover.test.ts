/** Keys of a listener from one to the next, through compile and the records of the status, as an operator goes through them. */
import { createHash, createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type DnsRecord, MOST_RECORDS } from '../../crds/status.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { type Issued, issuer } from '../../test/support/issuer.ts';
import { daneVerdict, recordsFrom } from '../status/dane.ts';
import { compile } from './compile.ts';
import { inputFrom } from './testing/manifests.ts';
import type { CompileResult } from './types.ts';

const HOUR = 3_600_000;
const START = Math.ceil(Date.now() / 1000) * 1000;
const authority = issuer('rollover');
const issue = (...names: string[]): Issued => authority.issue(names);
const MX = 'mx.example.test';

const record = (name: string, { key }: Issued): string => {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return `_25._tcp.${name} 3 1 1 ${createHash('sha256').update(der).digest('hex')}`;
};

class World {
  secrets: Record<string, Issued> = {};
  tls: Record<string, unknown> = { certificateRef: { name: 'mx' }, dane: { lead: '1h' } };
  /** Further listeners. */
  more: object[] = [];
  now = START;
  config: MtaConfig | undefined;
  records: readonly DnsRecord[] = [];
  isLoaded = true;

  constructor(mx: Issued) {
    this.secrets['mx'] = mx;
  }

  /** One look, after so many hours. */
  look(hours = 0): CompileResult {
    this.now += hours * HOUR;
    const mta = {
      ...{ apiVersion: 'postrider.dev/v1alpha1', kind: 'MTA', metadata: { namespace: 'mail', name: 'mta' } },
      spec: {
        hostname: MX,
        listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: this.tls }, ...this.more],
      },
    };
    const result = compile(
      inputFrom(stringify(mta), {
        secrets: Object.entries(this.secrets).map(([name, { crt, key }]) => ({
          ...{ namespace: 'mail', name, values: { 'tls.crt': crt, 'tls.key': key } },
        })),
        programmed: this.config,
        listed: { now: this.now, records: this.records },
      }),
    );
    this.config = result.config ?? this.config;
    if (result.tlsa !== undefined)
      this.records = recordsFrom(result.tlsa, this.records, this.isLoaded, this.now);
    return result;
  }

  /** The certificates that a listener shows. */
  shown(name = 'smtp'): Issued[] {
    const { tls } = this.config!.listeners.find((each) => each.name === name)!;
    return [{ certificate: tls.certificate!, key: tls.key! }, ...(tls.moreCertificates ?? [])].map(
      ({ certificate, key }) => ({
        crt: this.config!.secrets[certificate]!,
        key: this.config!.secrets[key]!,
      }),
    );
  }

  get listed(): string[] {
    return this.records.map(({ name, value }) => `${name} ${value}`);
  }
}

const verdictOf = ({ tlsa }: CompileResult) => daneVerdict(tlsa!)!;
const sorted = (...lines: string[]) => lines.toSorted();

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

  it('is more records than a status has room for', () => {
    const world = new World(
      issue(...Array.from({ length: MOST_RECORDS + 1 }, (_, i) => `mx${i}.example.test`)),
    );
    const { diagnostics, config } = world.look();
    expect(config).toBeUndefined();
    expect(diagnostics.map(({ path }) => path)).toContain('spec.listeners[0].tls.dane');
  });
});
