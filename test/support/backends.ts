import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Backend, Dtype } from '../../src/backend/backend.js';
import { availableBackends } from '../../src/backend/select.js';

export const dtypes: readonly Dtype[] = ['float32', 'float64'];

/** What the conformance suites run on: TypeScript, and native on each instruction set there is. */
export const backends: readonly Backend[] = availableBackends();

export function nameOf(backend: Backend, dtype: Dtype): string {
  return `${backend.name} ${backend.isa} ${dtype}`;
}

/** Those that promise each other's bits: native with fused multiply-add. */
export const simdBackends = backends.filter(({ name, isa }) => name === 'native' && isa !== 'scalar');

/** A run that leaves something out must not pass for a whole one. CHAINRULE_BACKEND=typescript leaves out native by intent. */
export function itRunsOnEverythingThereIs(): void {
  const names = backends.map(({ name, isa }) => `${name} ${isa}`);
  it(`runs on ${names.join(', ')}`, () => {
    const native = process.env.CHAINRULE_BACKEND === 'typescript' ? [] : machineIsas().map((isa) => `native ${isa}`);
    for (const name of ['typescript none', ...native]) expect(names).toContain(name);
  });
}

/** By the operating system's word, not the addon's. */
function machineIsas(): string[] {
  if (process.arch === 'arm64') return ['neon', 'scalar'];
  if (process.arch !== 'x64' || process.platform !== 'linux') return ['scalar'];
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' '));
  const has = (...names: string[]) => names.every((name) => flags.has(name));
  return [
    ...(has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl') ? ['avx512'] : []),
    ...(has('avx2', 'fma') ? ['avx2'] : []),
    'scalar',
  ];
}
