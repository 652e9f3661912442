import { defineConfig } from 'vitest/config';

const source = (name: string): string => new URL(`packages/${name}/src/index.ts`, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    // Tests run against the sources; only end-to-end tests use what is built.
    alias: {
      '@nemotron-convert/core': source('core'),
      '@nemotron-convert/config': source('config'),
      '@nemotron-convert/convert': source('convert'),
      '@nemotron-convert/submit': source('submit'),
    },
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    // For what hangs; a machine that is busy takes its time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The library's types as its users see them; the examples are checked along.
    typecheck: { enabled: true, include: ['test/types/*.test-d.ts'], tsconfig: 'test/types/tsconfig.json' },
  },
});
