import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', data: 'src/data/index.ts', kernels: 'src/kernels.ts' },
  format: ['esm', 'cjs'],
  // What the entries share is in files of its own, in CommonJS too: one ChainruleError, and one addon that throws it.
  splitting: true,
  target: 'node20',
  platform: 'node',
  // Symbol.dispose is in no default library of TypeScript's; without the reference, users' strict builds would fail.
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  // Gives the CommonJS build an import.meta.url, from which the loader finds the addon.
  shims: true,
  sourcemap: true,
  clean: true,
});
