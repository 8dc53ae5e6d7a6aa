/** Keys of a listener from one to the next, through compile and the records of the status, as an operator goes through them. */
import { createHash, createPublicKey } from 'node:crypto';
import { stringify } from 'yaml';
import type { DnsRecord } from '../../../crds/status.ts';
import type { MtaConfig } from '../../../mta/config.ts';
import { type Issued, issuer } from '../../../test/support/issuer.ts';
import { daneVerdict, recordsFrom } from '../../status/dane.ts';
import { compile } from '../compile.ts';
import type { CompileResult } from '../types.ts';
import { inputFrom } from './manifests.ts';

export const HOUR = 3_600_000;
export const START = Math.ceil(Date.now() / 1000) * 1000;
export const authority = issuer('rollover');
export const issue = (...names: string[]): Issued => authority.issue(names);
export const MX = 'mx.example.test';

export const record = (name: string, { key }: Issued): string => {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return `_25._tcp.${name} 3 1 1 ${createHash('sha256').update(der).digest('hex')}`;
};

export class World {
  secrets: Record<string, Issued> = {};
  tls: Record<string, unknown> = { certificateRef: { name: 'mx' }, dane: { lead: '1h' } };
  /** Further listeners. */
  more: object[] = [];
  hostname = MX;
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
        hostname: this.hostname,
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

export const verdictOf = ({ tlsa }: CompileResult) => daneVerdict(tlsa!)!;
export const sorted = (...lines: string[]) => lines.toSorted();
