import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { NumericArray } from '../../src/index.js';
import type { Case, Handlers, Laps, Task } from '../tasks.js';

/**
 * What every contender in JavaScript does: reads its options and the task, both JSON, from the command line, runs laps if the task
 * has them, and prints its answer.
 */
export async function answer<Options>(handlers: Handlers<Options>): Promise<void> {
  const [options, task] = process.argv.slice(2).map((text) => JSON.parse(text)) as [Options, Task];
  const handler = handlers[task.kind] as ((task: Task, options: Options) => unknown) | undefined;
  if (!handler) throw new Error(`expected ${Object.keys(handlers).join(', ')} for the task, got ${task.kind}`);
  const reply = await handler(task, options);
  // Not `process.exit`, which waits for ever if the compiler waits for the collector just then (Node 20).
  console.log(JSON.stringify(isLaps(reply) ? await runLaps(reply) : reply));
}

function isLaps(reply: unknown): reply is Laps<unknown> {
  return typeof reply === 'object' && reply !== null && 'lap' in reply;
}

async function runLaps<A>({ lap, answer }: Laps<A>): Promise<A> {
  console.log('ready');
  for await (const _ of createInterface({ input: process.stdin })) console.log(await lap());
  return answer();
}

export interface CaseData {
  /** (rows, inputs). */
  readonly x: Float32Array;
  /** (rows, 1), or classes. */
  readonly y: NumericArray;
}

export function readData({ files, loss }: Case): CaseData {
  const y = readBytes(files.y);
  return {
    x: new Float32Array(readBytes(files.x)),
    y: loss === 'crossEntropy' ? new Int32Array(y) : new Float32Array(y),
  };
}

/** Of each layer: (inputs, units) and (units). */
export type Parameters = readonly { readonly weights: Float32Array; readonly bias: Float32Array }[];

export function readParameters({ files, layers, inputs }: Case): Parameters {
  const values = new Float32Array(readBytes(files.parameters));
  let offset = 0;
  const take = (count: number): Float32Array => {
    offset += count;
    return values.subarray(offset - count, offset);
  };
  return layers.map(({ units }, i) => {
    const width = i === 0 ? inputs : layers[i - 1].units;
    return { weights: take(width * units), bias: take(units) };
  });
}

export function writeOutputs({ files }: Case, outputs: NumericArray): void {
  writeFileSync(files.outputs, Float32Array.from(outputs));
}

/** y as one row of `outputs` numbers per row: classes become 1 among zeros. */
export function targetsOf({ loss, layers }: Case, y: NumericArray): Float32Array {
  if (loss !== 'crossEntropy') return Float32Array.from(y);
  const classes = layers[layers.length - 1].units;
  const targets = new Float32Array(y.length * classes);
  y.forEach((label, i) => {
    targets[i * classes + label] = 1;
  });
  return targets;
}

/** The largest resident set. On Linux what the system counts for a process begins at its parent's, but not this field. */
export function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

function readBytes(file: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  const whole = byteOffset === 0 && byteLength === buffer.byteLength;
  return (whole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer;
}
