/**
 * Native against TypeScript:
 *
 *     npm run bench -- [gemm] [training] [inference] [--rounds 3] [--update-readme]
 *
 * Prints a table for each part and enters the figures into results/latest.json. Ends with 1 if an answer is wrong: a
 * product, an output, or a loss that differs between the backends by more than rounding explains.
 */
import { parseArgs } from 'node:util';
import { selectBackend } from '../src/backend/select.js';
import { benchGemm } from './gemm.bench.js';
import { describeMachine, PeakMeter } from './harness.js';
import { benchInference } from './inference.bench.js';
import { describe, type Figures, type Report, save, updateReadme } from './report.js';
import { benchTraining } from './training.bench.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' }, 'update-readme': { type: 'boolean', default: false } },
});
const rounds = Number(values.rounds);

type Bench<Result> = (isa: string, meter: PeakMeter, rounds: number) => Promise<Result[]>;

const parts: Readonly<Record<string, () => Promise<Report>>> = {
  gemm: async () => ({ gemm: await measure(benchGemm) }),
  training: async () => ({ training: await measure(benchTraining) }),
  inference: async () => ({ inference: await measure(benchInference) }),
};

async function main(): Promise<void> {
  const names = positionals.length === 0 ? Object.keys(parts) : positionals;
  const unknown = names.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) throw new Error(`expected ${Object.keys(parts).join(', ')} for the part, got ${unknown}`);
  for (const name of names) {
    const figures = await parts[name]();
    console.log(`\n${describe(figures)}`);
    const report = save(figures);
    if (values['update-readme']) updateReadme(report);
    checkDifferences(figures);
  }
}

async function measure<Result>(bench: Bench<Result>): Promise<Figures<Result>> {
  const { isa } = selectBackend('native').backend;
  const dtype = 'float32';
  const machine = describeMachine();
  const meter = new PeakMeter(isa, dtype);
  const results = await bench(isa, meter, rounds);
  return { measured: new Date().toISOString(), machine, isa, dtype, rounds, peak: meter.peak, results };
}

function checkDifferences({ training, inference }: Report): void {
  const compared = [
    ...(training?.results ?? []).map((result) => ({ ...result, name: result.workload.name })),
    ...(inference?.results ?? []).map((result) => ({ ...result, name: result.inference.name })),
  ];
  for (const { name, difference, tolerance } of compared) {
    if (difference <= tolerance) continue;
    console.error(`expected backends that differ by at most ${tolerance} for ${name}, got ${difference}`);
    process.exitCode = 1;
  }
}

await main();
