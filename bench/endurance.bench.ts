/** What must hold over a long training, and of several at once. */
import { adam } from '../src/index.js';
import { withCase } from './cases.js';
import { chainrule, pytorchProgram } from './contenders/programs.js';
import { ours, pytorch } from './contenders/registry.js';
import { allCores } from './machine.js';
import { type Program, run } from './processes.js';
import type { Settings } from './settings.js';
import { workloadNamed } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { EpochsTask, TogetherTask } from './tasks.js';

/** Whether moments that turn denormal slow a training with Adam down. */
export interface DenormalsResult {
  readonly contender: string;
  readonly steps: number;
  /** Rows per second over the first and the last part of the steps. */
  readonly first: number;
  readonly last: number;
}

/** High enough that many units die, and their moments, without a gradient, decay. */
const learningRate = 0.05;
const stepsPerPart = 500;
const parts = 10;

export async function benchDenormals({ isas, tools, wants, among }: Settings): Promise<DenormalsResult[]> {
  if (!wants('mnistLarge')) return [];
  const large = workloadNamed('mnistLarge');
  const workload = { ...large, rows: stepsPerPart * large.batchSize, optimizer: adam({ learningRate }) };
  const enter = (contender: string, program: Program) => ({ contender, variant: '', program });
  const entrants = among([
    enter(ours.best, chainrule(isas[0], allCores)),
    ...(tools.python === undefined
      ? []
      : [false, true].map((flush) =>
          enter(
            flush ? `${pytorch}, denormals flushed` : pytorch,
            pytorchProgram({ threads: allCores, foreach: false, flush }, isas, tools),
          ),
        )),
  ]);
  return withCase(workload, async ({ given }) => {
    const results: DenormalsResult[] = [];
    for (const { contender, program } of entrants) {
      const { seconds } = await run(program, { kind: 'epochs', case: given, epochs: parts } satisfies EpochsTask);
      const speeds = seconds.map((taken) => workload.rows / taken);
      results.push({ contender, steps: parts * stepsPerPart, first: speeds[0], last: speeds[parts - 1] });
    }
    return results;
  });
}

/** A fit for each core at once, of one thread each, against one alone. */
export interface TogetherResult {
  readonly workload: string;
  /** Rows per second. */
  readonly alone: Spread;
  /** Of the slowest in each turn. */
  readonly together: Spread;
  /** Of the one in the other, each taken right after the other. */
  readonly share: Spread;
}

/** They are short. */
const turnsInRound = 3;
const togetherWorkloads = ['tabular', 'mnistSmall', 'mnistLarge', 'wide'];

export async function benchTogether({ isas, rounds, wants }: Settings): Promise<TogetherResult[]> {
  const results: TogetherResult[] = [];
  for (const name of togetherWorkloads.filter((name) => wants(name))) {
    const workload = workloadNamed(name);
    const [alone, together, shares]: number[][] = [[], [], []];
    await withCase({ ...workload, rows: Math.min(workload.rows, 8192) }, async ({ given }) => {
      const task = (networks: number): TogetherTask => ({ kind: 'together', case: given, networks, seconds: 1 });
      for (let turn = 0; turn < rounds * turnsInRound; turn++) {
        const one = await run(chainrule(isas[0], 1), task(1));
        const several = await run(chainrule(isas[0], 1), task(allCores));
        alone.push(...one.speeds);
        together.push(Math.min(...several.speeds));
        shares.push(Math.min(...several.speeds) / one.speeds[0]);
      }
    });
    results.push({ workload: name, alone: spreadOf(alone), together: spreadOf(together), share: spreadOf(shares) });
  }
  return results;
}
