/** Installs, bundles and compiles the contenders, as far as the machine has what they need. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const bench = fileURLToPath(new URL('.', import.meta.url));

/** Where a contender is that not every machine has; undefined where it is not. */
export interface Tools {
  /** An interpreter that has PyTorch. */
  readonly python?: string;
  readonly fann?: string;
  readonly openblas?: string;
  readonly onednn?: string;
  readonly libxsmm?: string;
  /** The folder of OpenBLAS's OpenMP build. */
  readonly openblasFolder?: string;
}

export async function prepare(): Promise<Tools> {
  installPackages();
  await bundle();
  const tools: Tools = {
    python: ['/usr/bin/python3', 'python3'].find((python) => succeeds(python, ['-c', 'import torch, numpy'])),
    fann: compile('fann', ['-lfloatfann']),
    openblas: compile('gemm_openblas', ['-lopenblas']),
    onednn: compile('gemm_onednn', ['-fopenmp', '-ldnnl']),
    libxsmm: compile('gemm_libxsmm', ['-fopenmp', '-lxsmmext', '-lxsmm', '-lopenblas', '-ldl']),
    openblasFolder: openblasFolder(),
  };
  for (const [what, where] of [
    ['PyTorch (python3-torch)', tools.python],
    ['FANN (libfann-dev)', tools.fann],
    ['OpenBLAS (libopenblas-dev)', tools.openblas],
    ["OpenBLAS's OpenMP build (libopenblas0-openmp)", tools.openblasFolder],
    ['oneDNN (libdnnl-dev)', tools.onednn],
    ['libxsmm (libxsmm-dev)', tools.libxsmm],
  ]) {
    if (where === undefined) console.log(`Not on this machine: ${what}`);
  }
  return tools;
}

/** What the lock file names, where it is not installed yet. */
function installPackages(): void {
  const [asked, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) => `${bench}${name}`);
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(asked).mtimeMs) return;
  execFileSync('npm', ['ci', '--prefix', bench, '--ignore-scripts'], { stdio: 'inherit' });
}

/** As plain JavaScript, so that a process measures the contender and no compiler. */
async function bundle(): Promise<void> {
  const contender = (name: string) => `${bench}contenders/${name}.ts`;
  const libraries = ['tfjs', 'brain', 'convnetjs', 'synaptic', 'ml_fnn', 'onnx'];
  const entries = [...libraries.map((name) => [name, contender(name)]), ['chainrule', contender('chainrule/main')]];
  await build({
    entry: Object.fromEntries(entries),
    outDir: `${bench}build`,
    format: 'esm',
    target: 'node20',
    skipNodeModulesBundle: true,
    config: false,
    silent: true,
  });
}

/** The program's path, or undefined without its library or a compiler. */
function compile(name: string, options: readonly string[]): string | undefined {
  mkdirSync(`${bench}build`, { recursive: true });
  const [source, program] = [`${bench}contenders/${name}.cc`, `${bench}build/${name}`];
  return succeeds('c++', ['-std=c++20', '-O2', source, '-o', program, ...options]) ? program : undefined;
}

function openblasFolder(): string | undefined {
  const folders = ['/usr/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'];
  return folders.map((folder) => `${folder}/openblas-openmp`).find((folder) => existsSync(folder));
}

function succeeds(command: string, options: readonly string[]): boolean {
  try {
    execFileSync(command, options, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
