/** Who takes part in what. */
import { allCores } from '../machine.js';
import type { Tools } from '../prepare.js';
import type { Program } from '../processes.js';
import type { Inference, Workload } from '../shapes.js';
import type { Ceiling } from '../turns.js';
import { chainrule, fannProgram, gemmProgram, pytorchProgram, script, typescript } from './programs.js';

/** One way to run a contender; the contender's figure is that of its fastest variant. */
export interface Entrant {
  readonly contender: string;
  readonly variant: string;
  readonly program: Program;
  /** Far from the front, it has one round, whatever their number. */
  readonly once?: true;
}

export type Likeness =
  /** The same network, data, first parameters and updates, to rounding. */
  | 'same'
  /** An update after each row instead of each batch, and what else the library cannot do. */
  | 'rowByRow'
  /** The nearest that the library can do. */
  | 'nearest';

/** Of a training or a prediction. */
export interface NetworkEntrant extends Entrant {
  readonly likeness: Likeness;
}

export interface GemmEntrant extends Entrant {
  readonly library: string;
  readonly threads: number;
}

/** This library's names among the contenders. */
export const ours = {
  best: 'chainrule',
  oneThread: 'chainrule, 1 thread',
  avx2: 'chainrule on AVX2',
  scalar: 'chainrule on scalar',
  typescript: 'chainrule in TypeScript',
} as const;
export const pytorch = 'PyTorch';
export const fann = 'FANN';
/** Libraries in nothing but JavaScript. */
export const pureJavaScript = ['tfjs js', 'brain.js', 'convnetjs', 'synaptic', 'ml-fnn'];
/** Libraries for GEMM alone. */
export const gemmLibraries = [
  { library: 'OpenBLAS', tool: 'openblas' },
  { library: 'oneDNN', tool: 'onednn' },
  { library: 'libxsmm', tool: 'libxsmm' },
] as const;

/** What a contender at a network is set against: PyTorch and others choose the instruction set and threads themselves. */
export function ceilingOf(contender: string): Ceiling {
  return { isa: contender === ours.avx2 ? 'avx2' : undefined, all: contender !== ours.oneThread };
}

/** It has no Adam; of larger networks, it takes minutes to make one: an object and lines of code for each weight. */
const synapticTrains = ['xor', 'tabular'];
/** It updates after each row, and has one hidden layer here. */
const fannTrains = ['xor', 'mnistOnline'];

/** `isas`: those that this machine has, best first. */
export function trainingEntrants(workload: Workload, isas: readonly string[], tools: Tools): NetworkEntrant[] {
  const { name, rows, optimizer } = workload;
  const adam = optimizer.type === 'adam';
  const torch = pytorchEntrants('foreach', adam, isas, tools);
  // A data set larger than any cache is a matter between the two that are fast.
  if (rows > 60_000) return as('same', [...ourEntrants(isas.slice(0, 1)), ...torch]);
  return [
    ...as('same', [...ourEntrants(isas), ...torch, ...tfjsEntrants()]),
    ...as(adam ? 'nearest' : 'same', [once(enter('convnetjs', script('convnetjs')))]),
    ...as('rowByRow', [
      once(enter('brain.js', script('brain'))),
      ...(synapticTrains.includes(name) ? [once(enter('synaptic', script('synaptic')))] : []),
      ...(tools.fann && fannTrains.includes(name) ? [enter(fann, fannProgram(tools.fann))] : []),
    ]),
    ...as('nearest', [once(enter('ml-fnn', script('ml_fnn')))]),
  ];
}

export function inferenceEntrants({ rows }: Inference, isas: readonly string[], tools: Tools): NetworkEntrant[] {
  const onnx = [1, allCores].map((n) => enter('onnxruntime-node', script('onnx', { threads: n }), countThreads(n)));
  const torch = pytorchEntrants('scripted', false, isas, tools);
  const convnetjs = once(enter('convnetjs', script('convnetjs')));
  return [
    ...as('same', [...ourEntrants(isas), ...torch, ...onnx, ...tfjsEntrants(), convnetjs]),
    // It has no softmax, and predicts row by row.
    ...as('nearest', rows === 1 ? [once(enter('brain.js', script('brain')))] : []),
  ];
}

/** Each on one thread and on all cores. */
export function gemmEntrants(isas: readonly string[], tools: Tools): GemmEntrant[] {
  const on = (library: string, threads: number, program: Program): GemmEntrant => {
    return { ...enter(`${library}, ${countThreads(threads)}`, program), library, threads };
  };
  const counts = [...new Set([1, allCores])];
  const native = isas
    .filter((isa) => isa !== 'scalar')
    .flatMap((isa) => counts.map((n) => on(nameOf(isa, isas), n, chainrule(isa, n))));
  const libraries = gemmLibraries.flatMap(({ library, tool }) => {
    const command = tools[tool];
    return command ? counts.map((n) => on(library, n, gemmProgram(command, n, isas, tools))) : [];
  });
  return [
    ...native,
    once(on(ours.scalar, 1, chainrule('scalar', 1))),
    once(on(ours.typescript, 1, typescript())),
    ...libraries,
  ];
}

function ourEntrants(isas: readonly string[]): Entrant[] {
  const on = (isa: string) => enter(nameOf(isa, isas), chainrule(isa, allCores));
  return [
    on(isas[0]),
    enter(ours.oneThread, chainrule(isas[0], 1)),
    ...isas.slice(1).map((isa) => (isa === 'scalar' ? once(on(isa)) : on(isa))),
    once(enter(ours.typescript, typescript())),
  ];
}

/** On one thread and on all, with and without what may make it faster. */
function pytorchEntrants(
  option: 'foreach' | 'scripted',
  flush: boolean,
  isas: readonly string[],
  tools: Tools,
): Entrant[] {
  if (tools.python === undefined) return [];
  return [1, allCores].flatMap((threads) =>
    [false, true].map((set) => {
      const variant = `${countThreads(threads)}${set ? `, ${option}` : ''}`;
      return enter(pytorch, pytorchProgram({ threads, [option]: set, flush }, isas, tools), variant);
    }),
  );
}

function tfjsEntrants(): Entrant[] {
  return [
    once(enter('tfjs wasm', script('tfjs', { backend: 'wasm' }))),
    once(enter('tfjs js', script('tfjs', { backend: 'cpu' }))),
  ];
}

function enter(contender: string, program: Program, variant = ''): Entrant {
  return { contender, variant, program };
}

function once<E extends Entrant>(entrant: E): E {
  return { ...entrant, once: true };
}

function as(likeness: Likeness, entrants: readonly Entrant[]): NetworkEntrant[] {
  return entrants.map((entrant) => ({ ...entrant, likeness }));
}

function nameOf(isa: string, isas: readonly string[]): string {
  if (isa === isas[0]) return ours.best;
  return isa === 'avx2' ? ours.avx2 : ours.scalar;
}

function countThreads(n: number): string {
  return `${n} thread${n > 1 ? 's' : ''}`;
}
