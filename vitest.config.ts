import { defineConfig } from 'vitest/config';

// `npm test` runs "quick"; `npm run test:long` runs "long" and "soak": files named *.long.test.ts and *.soak.test.ts.
export default defineConfig({
  // Node loads this file for everybody; Vitest would load another for our code, whose types are then not the same.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    // Who waits for an event waits as long as a slow machine takes that does other things besides.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    // Two cores are what tests are tried with; each may start gateways that keep a third busy.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['{apps,libs,test,infra}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.{long,soak}.test.ts'],
          globalSetup: ['./libs/testing/global-setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: ['{apps,libs,test}/**/*.long.test.ts'],
          testTimeout: 1_200_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          globalSetup: ['./libs/testing/global-setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'soak',
          include: ['test/**/*.soak.test.ts'],
          testTimeout: 1_800_000,
          globalSetup: ['./libs/testing/global-setup.ts'],
          // They last ten minutes each, however much they get done: all at once, behind those that are in haste.
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
