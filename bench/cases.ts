import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dense, Network, type NumericArray } from '../src/index.js';
import { makeData } from './data.js';
import type { Workload } from './shapes.js';
import type { Case } from './tasks.js';

const folder = mkdtempSync(join(tmpdir(), 'chainrule-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export interface OpenCase {
  readonly given: Case;
  readonly x: Float32Array;
  readonly y: NumericArray;
  /** With the first parameters. */
  readonly network: Network;
}

/** Writes a workload's rows and first parameters for all contenders to read, and takes them away again afterwards. */
export async function withCase<R>(workload: Workload, use: (opened: OpenCase) => Promise<R>): Promise<R> {
  const place = join(folder, workload.name);
  mkdirSync(place);
  const [x, y, parameters, outputs] = ['x', 'y', 'parameters', 'outputs'].map((name) => join(place, name));
  const data = makeData(workload, workload.rows);
  const layers = workload.layers.map(({ units, activation }) => dense(units, { activation }));
  const network = new Network({ inputs: workload.inputs, layers, seed: 1 });
  writeFileSync(x, data.x);
  writeFileSync(y, data.y as Float32Array | Int32Array);
  writeFileSync(parameters, parametersOf(network));
  try {
    return await use({ given: { ...workload, files: { x, y, parameters, outputs } }, ...data, network });
  } finally {
    network.dispose();
    rmSync(place, { recursive: true });
  }
}

/** What the contender that ran last wrote: (rows, outputs). */
export function readOutputs({ files }: Case): Float32Array {
  const { buffer, byteOffset, byteLength } = readFileSync(files.outputs);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function parametersOf(network: Network): Float32Array {
  const values = new Float32Array(network.parameterCount);
  let offset = 0;
  for (const { weights, bias } of network.parameters()) {
    values.set(weights!, offset);
    values.set(bias!, offset + weights!.length);
    offset += weights!.length + bias!.length;
  }
  return values;
}
