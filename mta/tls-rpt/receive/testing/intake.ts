/** An intake over a disk in memory, with what it tells. */
import { MemoryDisk } from '../../../queue/testing/memory-disk.ts';
import { systemRandom } from '../../../random.ts';
import { testConfig, testDomain } from '../../../route/testing/config.ts';
import { TestClock } from '../../../testing/test-clock.ts';
import { compileAsked } from '../asked.ts';
import { ReportIntake } from '../intake.ts';
import { ReportStore } from '../store.ts';
import { NOW } from './reports.ts';

/** @param aliases of the domain that asks for reports */
export function openIntake(disk = new MemoryDisk(), aliases = ['alias.test']) {
  const clock = new TestClock();
  const started = clock.monotonic();
  clock.now = () => NOW + clock.monotonic() - started;
  const ours = testDomain({
    domain: 'ours.test',
    aliases,
    tlsRpt: { mailbox: 'tls-reports', rua: [] },
  });
  const asked = compileAsked(testConfig({ domains: [ours, testDomain({ domain: 'silent.test' })] }));
  const store = new ReportStore({
    ...{ path: '/reports', disk, clock, random: systemRandom },
    onError: (error) => {
      throw error;
    },
  });
  /** `received mail counted`, `sessions failed 3`, as often as they were told. */
  const counted: string[] = [];
  const logged: { fields: Record<string, unknown>; message: string }[] = [];
  const intake = new ReportIntake({
    ...{ store, clock, asked: () => asked },
    counts: {
      received: (...what) => void counted.push(`received ${what.join(' ')}`),
      sessions: (...what) => void counted.push(`sessions ${what.join(' ')}`),
      failures: (...what) => void counted.push(`failures ${what.join(' ')}`),
    },
    log: { info: (fields, message) => void logged.push({ fields: { ...fields }, message }) },
  });
  return { intake, store, disk, clock, counted, logged };
}
