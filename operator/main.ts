#!/usr/bin/env node
/**
 * `node operator/main.ts --image IMAGE`: the operator. Several may run; one leads, the others watch and wait. One that has led ends
 * when it doesn't any more, and is started anew by whoever started it.
 *
 * Exit codes: 0 after SIGTERM or SIGINT, 1 where it could not start or does not lead any more, 64 for wrong arguments.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { systemClock } from '../mta/clock.ts';
import { systemRandom } from '../mta/random.ts';
import { Operator } from './controllers/operator.ts';
import { createHealthServer } from './health.ts';
import { KubeClient } from './kube/client.ts';
import { Leader } from './kube/leader.ts';
import { loadCluster } from './kube/transport.ts';
import { OperatorMetrics } from './metrics.ts';

const USAGE = `usage: node operator/main.ts --image IMAGE [options]

  --image IMAGE            of the pods
  --image-pull-policy P    when nodes pull it: Always, IfNotPresent or Never; the cluster's default otherwise
  --kubeconfig FILE        the API server; that of the pod's own cluster otherwise
  --namespace NAMESPACE    to look after this one alone; all of them otherwise
  --own-namespace NAME     where the operator is: its lease, and who may use the control ports (POD_NAMESPACE)
  --health-port PORT       of /livez, /readyz and /metrics (8081)
  --log-level LEVEL        debug, info, warn or error (info)
  --help                   this text`;

/** Labels of the operator's own pods, as the chart gives them. */
const OWN_LABELS = { 'app.kubernetes.io/name': 'postrider', 'app.kubernetes.io/component': 'operator' };
/** Operators that are beside each other, for different namespaces, don't wait for each other. The chart's Role allows this one. */
const leaseOf = ({ namespace, ownNamespace }: Flags): string =>
  namespace === undefined || namespace === ownNamespace
    ? 'postrider-operator'
    : `postrider-operator-${namespace}`;
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;

interface Flags {
  readonly image: string;
  readonly imagePullPolicy: (typeof PULL_POLICIES)[number] | undefined;
  readonly kubeconfig: string | undefined;
  readonly namespace: string | undefined;
  readonly ownNamespace: string;
  readonly healthPort: number;
  readonly logLevel: string;
}

async function run(flags: Flags): Promise<number> {
  const logger = pino({ level: flags.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const [clock, random] = [systemClock, systemRandom];
  const metrics = new OperatorMetrics();
  const client = new KubeClient({
    ...{ transport: loadCluster(flags.kubeconfig), clock, fieldManager: 'postrider' },
    onRequest: metrics.request,
  });
  const operator = new Operator({
    ...{ client, clock, random, logger, metrics, instance: hostname() },
    settings: {
      image: flags.image,
      ...(flags.imagePullPolicy !== undefined && { imagePullPolicy: flags.imagePullPolicy }),
      operator: { namespace: flags.ownNamespace, labels: OWN_LABELS },
    },
    ...(flags.namespace !== undefined && { namespace: flags.namespace }),
  });
  const leader = new Leader({
    ...{ client, clock, random },
    lease: { namespace: flags.ownNamespace, name: leaseOf(flags) },
    identity: `${hostname()}_${randomUUID()}`,
    onFailure: (error) => logger.warn({ err: error }, 'lease could not be renewed'),
  });
  const health = createHealthServer(operator.watched, metrics);
  await health.listen({ host: '0.0.0.0', port: flags.healthPort });

  let isAsked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isAsked) process.exit(1);
      isAsked = true;
      logger.info({ signal }, 'stopping');
      leader.stop();
    });
  }
  operator.watch();
  logger.info({ namespace: flags.namespace ?? 'all' }, 'watching');
  await leader.run(async (signal) => {
    logger.info('leading');
    await operator.lead();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve());
    });
    await operator.stop();
  });
  await operator.stop();
  await health.close();
  logger.info(isAsked ? 'stopped' : 'does not lead any more');
  return isAsked ? 0 : 1;
}

function usage(message: string): never {
  process.stderr.write(`${message}\n${USAGE}\n`);
  process.exit(64);
}

function parse(): Flags | undefined {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      options: {
        ...{ image: text, 'image-pull-policy': text, kubeconfig: text },
        ...{ namespace: text, 'own-namespace': text },
        ...{ 'health-port': text, 'log-level': text, help: { type: 'boolean' } },
      },
    });
    if (values.help === true) return undefined;
    const ownNamespace = values['own-namespace'] ?? process.env['POD_NAMESPACE'];
    const healthPort = Number(values['health-port'] ?? 8081);
    if (values.image === undefined) usage('--image is missing');
    if (ownNamespace === undefined) usage('--own-namespace is missing, and POD_NAMESPACE is not set');
    if (!Number.isInteger(healthPort) || healthPort < 1 || healthPort > 65_535)
      usage('--health-port is no port');
    const logLevel = values['log-level'] ?? 'info';
    if (!['debug', 'info', 'warn', 'error'].includes(logLevel)) usage(`--log-level: there is no ${logLevel}`);
    const policy = values['image-pull-policy'];
    const imagePullPolicy = PULL_POLICIES.find((each) => each === policy);
    if (policy !== undefined && imagePullPolicy === undefined) {
      usage(`--image-pull-policy: there is no ${policy}`);
    }
    const { image, kubeconfig, namespace } = values;
    return { image, imagePullPolicy, kubeconfig, namespace, ownNamespace, healthPort, logLevel };
  } catch (error) {
    usage((error as Error).message);
  }
}

const flags = parse();
if (flags === undefined) process.stdout.write(`${USAGE}\n`);
else {
  run(flags).then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`postrider operator: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
}
