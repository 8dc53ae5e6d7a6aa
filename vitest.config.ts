import { defineConfig } from 'vitest/config';

/**
 * One project per kind of test, so that `npx vitest run --project conformance` runs just that.
 * Unit tests stand beside what they test; the rest lives below `test/`. Projects of one `group` run side by side, and
 * one group after the other: what starts whole processes should not fight for the processors with anything else.
 */
const project = (name: string, include: string[], timeout: number, group = 0) => ({
  test: { name, include, testTimeout: timeout, hookTimeout: timeout, sequence: { groupOrder: group } },
});

export default defineConfig({
  test: {
    projects: [
      project(
        'unit',
        [
          '{mta,operator,cli,crds,scripts}/**/*.test.ts',
          'test/architecture/**/*.test.ts',
          'test/{support,bench,mutants,fuzz,e2e/cluster}/**/*.test.ts',
        ],
        20_000,
      ),
      project('conformance', ['test/conformance/**/*.test.ts'], 30_000),
      project('simulation', ['test/simulation/**/*.test.ts'], 300_000),
      project('control-plane', ['test/control-plane/**/*.test.ts'], 180_000, 1),
      project('interop', ['test/interop/**/*.test.ts'], 300_000, 1),
      project('faults', ['test/faults/**/*.test.ts'], 300_000, 1),
      project('chaos', ['test/chaos/**/*.test.ts'], 3_600_000, 2),
      project('e2e', ['test/e2e/*.test.ts'], 600_000, 3),
    ],
  },
});
