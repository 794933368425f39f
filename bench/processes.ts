import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Answer, Task } from './tasks.js';

/** How a contender is started. */
export interface Program {
  readonly command: string;
  /** Ends with the task. */
  readonly arguments: (task: Task) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Whoever takes longer hangs. */
const limitMilliseconds = 5 * 60_000;

/** Runs a program in a process of its own; its answer is the last line of what it prints. */
export async function run<T extends Task>(program: Program, task: T): Promise<Answer<T>> {
  const child = spawn(program.command, program.arguments(task), {
    env: { ...process.env, ...program.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMilliseconds,
  });
  const exited = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  if (code !== 0) {
    const lines = errors.trim().split('\n');
    const reason = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1);
    throw new Error(`expected an answer to ${task.kind}, got exit code ${code}: ${reason}`);
  }
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Answer<T>;
}
