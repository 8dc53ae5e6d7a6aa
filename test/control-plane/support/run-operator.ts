/** The operator in the process of a test, leading. */
import { pino } from 'pino';
import { systemClock } from '../../../mta/clock.ts';
import { systemRandom } from '../../../mta/random.ts';
import { Operator, type OperatorDeps } from '../../../operator/controllers/operator.ts';
import { KubeClient } from '../../../operator/kube/client.ts';
import type { Transport } from '../../../operator/kube/transport.ts';

export interface RunOptions extends Pick<OperatorDeps, 'addressOf' | 'metrics'> {
  /** Told of each request that writes: verb and resource. */
  readonly onWrite?: (write: string) => void;
}

export async function runOperator(
  transport: Transport,
  { onWrite, ...deps }: RunOptions = {},
): Promise<Operator> {
  const operator = new Operator({
    client: new KubeClient({
      ...{ transport, clock: systemClock, fieldManager: 'postrider' },
      onRequest(verb, type, status, seconds) {
        deps.metrics?.request(verb, type, status, seconds);
        if (!['get', 'list', 'watch'].includes(verb)) onWrite?.(`${verb} ${type.plural}`);
      },
    }),
    ...{ clock: systemClock, random: systemRandom, logger: pino({ enabled: false }), instance: 'test' },
    settings: { image: 'mta', operator: { namespace: 'postrider', labels: { app: 'operator' } } },
    ...deps,
  });
  operator.watch();
  await operator.lead();
  return operator;
}
