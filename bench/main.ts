/**
 * Measures this library and others:
 *
 *     npm run bench -- [part …] [--rounds 3] [--only name,…] [--contenders name,…] [--update-readme]
 *
 * Parts are gemm, training, inference, scaling, together, denormals and memory; all without any, and none with `report`, which shows
 * the last results. `--only` names workloads or shapes, `--contenders` parts of contenders' names; what is measured with either is
 * shown and not kept. Everything else goes to results/latest.json and the charts beside it. Ends with 1 if an answer is wrong.
 */
import { parseArgs } from 'node:util';
import { availableBackends } from '../src/backend/select.js';
import { benchDenormals, benchTogether } from './endurance.bench.js';
import { benchGemm } from './gemm.bench.js';
import { benchInference } from './inference.bench.js';
import { describeMachine } from './machine.js';
import { benchMemory } from './memory.bench.js';
import { prepare } from './prepare.js';
import { describe, updateReadmes } from './readme.js';
import { load, type Part, type Report, type Results, save, wrongAnswers } from './report.js';
import { benchScaling } from './scaling.bench.js';
import { Settings } from './settings.js';
import { benchTraining } from './training.bench.js';

const benches: { readonly [P in Part]: (settings: Settings) => Promise<Results[P][]> } = {
  gemm: benchGemm,
  training: benchTraining,
  inference: benchInference,
  scaling: benchScaling,
  together: benchTogether,
  denormals: benchDenormals,
  memory: benchMemory,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    contenders: { type: 'string', default: '' },
    'update-readme': { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const parts = (positionals.length === 0 ? Object.keys(benches) : positionals).filter((name) => name !== 'report');
  const unknown = parts.find((name) => !Object.hasOwn(benches, name));
  if (unknown !== undefined) {
    throw new Error(`expected ${Object.keys(benches).join(', ')} or report for the part, got ${unknown}`);
  }
  const settings = await createSettings();
  for (const part of parts as Part[]) {
    try {
      await measure(part, settings);
    } catch (error) {
      fail(`${part}: ${error instanceof Error ? error.message : error}`);
    }
  }

  const report = load();
  if (parts.length === 0) console.log(describe(report));
  if (settings.filtered) return;
  // Its libraries are there once the bench is prepared.
  await (await import('./charts.js')).drawCharts(report);
  if (values['update-readme']) updateReadmes(report);
}

async function createSettings(): Promise<Settings> {
  const native = availableBackends().filter(({ name }) => name === 'native');
  if (native.length === 0) throw new Error('expected the native backend for the bench, got none: npm run build:native');
  const isas = native.map(({ isa }) => isa);
  const list = (text: string) => text.split(',').filter(Boolean);
  return new Settings(Number(values.rounds), isas, await prepare(), list(values.only), list(values.contenders));
}

async function measure(part: Part, settings: Settings): Promise<void> {
  const { isas, rounds } = settings;
  const machine = describeMachine();
  const results = await benches[part](settings);
  const report = { [part]: { measured: new Date().toISOString(), machine, isas, rounds, results } } as Report;
  console.log(`\n${describe(report)}`);
  wrongAnswers(report).forEach(fail);
  if (!settings.filtered) save(report);
}

/** The other parts go on. */
function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

await main();
