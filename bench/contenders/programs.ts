/** How each contender is started, set to its best. */
import { fileURLToPath } from 'node:url';
import type { Tools } from '../prepare.js';
import type { Program } from '../processes.js';
import type { GemmTask, Task, TrainingTask } from '../tasks.js';
import { perRow } from './row_by_row.js';

const bench = new URL('../', import.meta.url);

/** A contender in JavaScript, as prepare.ts bundled it. */
export function script(name: string, options: object = {}): Program {
  const path = fileURLToPath(new URL(`./build/${name}.js`, bench));
  return {
    command: process.execPath,
    arguments: (task: Task) => [path, JSON.stringify(options), JSON.stringify(task)],
  };
}

export function chainrule(isa: string, threads: number): Program {
  return { ...script('chainrule', { backend: 'native', isa, threads }), environment: { CHAINRULE_ISA: isa } };
}

export function typescript(): Program {
  return script('chainrule', { backend: 'typescript', isa: 'none', threads: 1 });
}

export interface PytorchOptions {
  readonly threads: number;
  readonly foreach?: boolean;
  readonly scripted?: boolean;
  /** Denormals, to zero. */
  readonly flush: boolean;
}

export function pytorchProgram(options: PytorchOptions, isas: readonly string[], tools: Tools): Program {
  const { core, capability } = x64Kernels(isas);
  const path = fileURLToPath(new URL('./contenders/pytorch.py', bench));
  return {
    command: tools.python!,
    arguments: (task) => [path, JSON.stringify({ ...options, core, capability }), JSON.stringify(task)],
    environment: {
      ...blasEnvironment(isas, tools),
      ...(capability && { ATEN_CPU_CAPABILITY: capability.toLowerCase() }),
      OMP_NUM_THREADS: String(options.threads),
      // Large pages for its tensors, too.
      GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
    },
  };
}

export function gemmProgram(command: string, threads: number, isas: readonly string[], tools: Tools): Program {
  return {
    command,
    arguments: (task) => [String(threads), describeShape((task as GemmTask).shape)],
    environment: { ...blasEnvironment(isas, tools), OMP_NUM_THREADS: String(threads) },
  };
}

function describeShape({ m, n, k, transposeA, transposeB }: GemmTask['shape']): string {
  return [m, n, k, Number(transposeA), Number(transposeB)].join();
}

export function fannProgram(command: string): Program {
  return {
    command,
    arguments: (task) => {
      const { case: given, compared, judgedRows, seconds } = task as TrainingTask;
      const { files, loss, rows, inputs, layers } = given;
      return [
        ...[files.x, files.y, files.parameters, files.outputs, loss, rows, compared.rows, compared.epochs, judgedRows],
        ...[perRow(given), seconds, inputs, layers[0].units, layers[1].units, layers[0].activation],
      ].map(String);
    },
  };
}

/** OpenBLAS 0.3.21 does not know newer processors, and takes its oldest kernels for them. */
function blasEnvironment(isas: readonly string[], { openblasFolder }: Tools): Record<string, string> {
  const { core } = x64Kernels(isas);
  return { ...(core && { OPENBLAS_CORETYPE: core }), ...(openblasFolder && { LD_LIBRARY_PATH: openblasFolder }) };
}

/** Of OpenBLAS and of PyTorch; what they choose themselves on other processors is right. */
function x64Kernels(isas: readonly string[]): { core?: string; capability?: string } {
  if (process.arch !== 'x64') return {};
  return isas.includes('avx512') ? { core: 'SkylakeX', capability: 'AVX512' } : { core: 'Haswell', capability: 'AVX2' };
}
