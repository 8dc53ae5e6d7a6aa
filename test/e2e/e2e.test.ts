/** The product on a real cluster of two nodes: one cluster for all scenarios, each of which leaves a fleet that is ready. */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeWithCluster } from './needs.ts';
import { configChanges } from './scenarios/config-changes.ts';
import { delivery } from './scenarios/delivery.ts';
import { examples } from './scenarios/examples.ts';
import { killedRun } from './scenarios/killed-run.ts';
import { life } from './scenarios/life.ts';
import { nodeDies } from './scenarios/node-dies.ts';
import { operatorIsAway } from './scenarios/operator.ts';
import { podsComeAndGo } from './scenarios/pods.ts';
import { secretsChange } from './scenarios/secrets.ts';
import { startWorld, type World } from './world.ts';

describeWithCluster('on a cluster of two nodes', () => {
  let started: World | undefined;
  const world = () => started!;
  beforeAll(async () => {
    started = await startWorld();
  });
  afterAll(() => started?.stop());

  describe('mail', () => delivery(world));
  describe('an example', () => examples(world));
  describe('a change of config', () => configChanges(world));
  describe('a Secret', () => secretsChange(world));
  describe('pods', () => podsComeAndGo(world));
  describe('a node', () => nodeDies(world));
  describe('the operator', () => operatorIsAway(world));
  describe('a fleet', () => life(world));
  describe('a run that is killed', () => killedRun(world));
});
