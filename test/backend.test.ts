import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadAddon, platformName } from '../src/backend/load.js';
import { nativeIsas } from '../src/backend/native.js';
import { availableBackends, selectBackend, selectThreads } from '../src/backend/select.js';
import { ChainruleError } from '../src/errors.js';

const binary = fileURLToPath(new URL('../build/Release/chainrule.node', import.meta.url));
let root: string;

/** A package folder with `content` (or a copy of the real binary) where the loader looks. */
function put(folder: string, content?: string): void {
  mkdirSync(join(root, folder), { recursive: true });
  const file = join(root, folder, 'chainrule.node');
  if (content === undefined) copyFileSync(binary, file);
  else writeFileSync(file, content);
}

function errorOf(action: () => unknown): ChainruleError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ChainruleError);
    return error as ChainruleError;
  }
  throw new Error('expected an error, got none');
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'chainrule-'));
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

describe('loadAddon', () => {
  it('finds the binary of this repository', () => {
    const { addon, failures } = loadAddon();
    expect(addon).toBeTypeOf('object');
    expect(failures).toEqual([]);
  });

  it('falls back quietly where there is no binary, and names every place', () => {
    const { addon, failures } = loadAddon(root);
    expect(addon).toBeUndefined();
    expect(failures.map((failure) => failure.message)).toEqual([
      `no binary at ${join(root, 'build/Release/chainrule.node')}`,
      `no binary at ${join(root, 'prebuilds', platformName(), 'chainrule.node')}`,
    ]);
    expect(process.emitWarning).not.toHaveBeenCalled();
  });

  it('loads the prebuilt binary of this platform', () => {
    put(`prebuilds/${platformName()}`);
    expect(nativeIsas(loadAddon(root).addon).at(-1)).toBe('scalar');
    expect(process.emitWarning).not.toHaveBeenCalled();
  });

  it('warns of a binary that does not load, and goes on to the next place', () => {
    put('build/Release', 'not a binary');
    put(`prebuilds/${platformName()}`);
    const { addon, failures } = loadAddon(root);
    expect(addon).toBeTypeOf('object');
    expect(failures).toHaveLength(1);
    expect(failures[0]!.message).toMatch(/^cannot load .*build.Release.chainrule\.node: /);
    expect(failures[0]!.cause).toBeInstanceOf(Error);
    expect(process.emitWarning).toHaveBeenCalledOnce();
  });

  it('tells musl from glibc', () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('linux');
    const report = vi.spyOn(process.report, 'getReport');
    report.mockReturnValue({ header: {} });
    expect(platformName()).toBe(`linux-${process.arch}-musl`);
    report.mockReturnValue({ header: { glibcVersionRuntime: '2.36' } });
    expect(platformName()).toBe(`linux-${process.arch}`);
  });

  it('agrees with the install script on the platform', async () => {
    const script = (await import(new URL('../scripts/platform.mjs', import.meta.url).href)) as {
      platformName(): string;
    };
    expect(script.platformName()).toBe(platformName());
  });
});

describe('selectBackend', () => {
  const isas = nativeIsas(loadAddon().addon);

  it('takes the best instruction set of the machine', () => {
    const { backend, reason } = selectBackend('auto', {});
    expect([backend.name, backend.isa]).toEqual(['native', isas[0]]);
    expect(reason).toContain(isas[0]!);
  });

  it.each(isas)('honours CHAINRULE_ISA=%s', (isa) => {
    const { backend, reason } = selectBackend('auto', { CHAINRULE_ISA: isa });
    expect([backend.name, backend.isa]).toEqual(['native', isa]);
    expect(reason).toContain(`CHAINRULE_ISA=${isa}`);
  });

  it('honours CHAINRULE_BACKEND, which an option overrides', () => {
    const environment = { CHAINRULE_BACKEND: 'typescript' };
    expect(selectBackend('auto', environment)).toMatchObject({
      backend: { name: 'typescript', isa: 'none' },
      reason: 'CHAINRULE_BACKEND=typescript',
    });
    expect(selectBackend('native', environment).backend.name).toBe('native');
    expect(selectBackend('typescript', { CHAINRULE_BACKEND: 'native' }).backend.name).toBe('typescript');
  });

  it('takes an empty variable for an unset one', () => {
    expect(selectBackend('auto', { CHAINRULE_BACKEND: '', CHAINRULE_ISA: '' }).backend.name).toBe('native');
  });

  it('refuses names there are not', () => {
    for (const [choice, environment] of [
      ['gpu', {}],
      ['auto', { CHAINRULE_BACKEND: 'gpu' }],
      ['typescript', { CHAINRULE_ISA: 'sse2' }],
      ['auto', { CHAINRULE_BACKEND: 'typescript', CHAINRULE_ISA: 'scalar' }],
    ] as const) {
      const error = errorOf(() => selectBackend(choice as 'auto', environment));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.message).toMatch(/^expected .* for (backend|CHAINRULE_\w+), got /);
    }
  });

  it('refuses an instruction set this machine lacks', () => {
    const lacking = ['avx512', 'avx2', 'neon', 'scalar'].find((isa) => !isas.includes(isa))!;
    const error = errorOf(() => selectBackend('auto', { CHAINRULE_ISA: lacking }));
    expect(error.code).toBe('BACKEND_UNAVAILABLE');
    expect(error.message).toContain(isas.join(', '));
  });

  it('without a binary: TypeScript and the reason, or an error where native was asked for', () => {
    const loaded = loadAddon(root);
    const { backend, reason } = selectBackend('auto', {}, loaded);
    expect(backend.name).toBe('typescript');
    expect(reason).toContain('no binary at');
    for (const [choice, environment] of [
      ['native', {}],
      ['auto', { CHAINRULE_BACKEND: 'native' }],
      ['auto', { CHAINRULE_ISA: 'scalar' }],
    ] as const) {
      const error = errorOf(() => selectBackend(choice, environment, loaded));
      expect(error.code).toBe('BACKEND_UNAVAILABLE');
      expect(error.cause).toBe(loaded.failures);
    }
  });

  it('lists TypeScript and every instruction set for the suites', () => {
    expect(availableBackends().map(({ name, isa }) => [name, isa])).toEqual([
      ['typescript', 'none'],
      ...isas.map((isa) => ['native', isa]),
    ]);
  });
});

describe('selectThreads', () => {
  it('takes the option, then CHAINRULE_THREADS, then the machine', () => {
    expect(selectThreads(3, { CHAINRULE_THREADS: '2' })).toBe(3);
    expect(selectThreads(undefined, { CHAINRULE_THREADS: '2' })).toBe(2);
    expect(selectThreads(undefined, {})).toBeGreaterThanOrEqual(1);
  });

  it('refuses what is not a positive integer', () => {
    for (const threads of [0, -1, 1.5, Number.NaN]) {
      expect(errorOf(() => selectThreads(threads, {})).code).toBe('INVALID_ARGUMENT');
    }
    const error = errorOf(() => selectThreads(undefined, { CHAINRULE_THREADS: 'many' }));
    expect(error.message).toBe('expected a positive integer for CHAINRULE_THREADS, got "many"');
  });
});
