import { expect, it } from 'vitest';
import { listener } from '../../crds/mta-listener.ts';
import { servicePorts } from './services.ts';

const of = (...specs: readonly object[]) =>
  servicePorts(
    specs.map((spec, i) => listener.parse({ name: `l${i}`, role: 'SMTP', port: 2525 + i, ...spec })),
  ).map(({ name, port, targetPort }) => `${name} ${port}:${targetPort}`);

it('a listener is found where the world expects it', () => {
  const tls = (mode: string) => ({ tls: { mode } });
  expect(
    of(
      {},
      { role: 'Submission', ...tls('STARTTLS') },
      { role: 'Submission', ...tls('Implicit') },
      { role: 'ODMR' },
    ),
  ).toEqual([
    'listener-2525 25:2525',
    'listener-2526 587:2526',
    'listener-2527 465:2527',
    'listener-2528 366:2528',
  ]);
});

it('of two for the same port the first one has it', () => {
  expect(of({}, { name: 'inside' })).toEqual(['listener-2525 25:2525', 'listener-2526 2526:2526']);
});
