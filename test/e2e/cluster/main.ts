#!/usr/bin/env node
/**
 * `node test/e2e/cluster/main.ts up`: a Kubernetes of two nodes on this machine with the product's image on each, until it is
 * interrupted. `down` takes away what a killed one has left. Needs root, and what scripts/debian-packages.sh and
 * scripts/kubernetes-binaries.sh bring.
 */
import { productImage } from '../image/images.ts';
import { startCluster } from './cluster.ts';
import { removeAbandoned } from './remains.ts';

const USAGE = 'usage: node test/e2e/cluster/main.ts up|down';

async function up(): Promise<void> {
  const cluster = await startCluster((text) => console.error(text));
  const { image, archive } = await productImage(cluster.images, cluster.places.folder);
  await cluster.load(archive);
  console.error(`${image} is on each node; interrupt to end`);
  console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
  await new Promise((resolve) => {
    // Those of the support's would exit at once.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.removeAllListeners(signal).once(signal, resolve);
  });
  await cluster.stop();
}

async function down(): Promise<void> {
  const removed = await removeAbandoned();
  console.error(removed.length === 0 ? 'nothing was left' : `removed: ${removed.join(', ')}`);
}

const command = { up, down }[process.argv[2] ?? ''];
if (command === undefined || process.argv.length > 3) {
  console.error(USAGE);
  process.exit(64);
}
await command();
process.exit(0);
