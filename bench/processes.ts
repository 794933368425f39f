import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Answer, LapTask, Task } from './tasks.js';

/** How a contender is started. */
export interface Program {
  readonly command: string;
  /** Ends with the task. */
  readonly arguments: (task: Task) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a program in a process of its own; its answer is the last line of what it prints. */
export async function run<T extends Task>(program: Program, task: T): Promise<Answer<T>> {
  return new Process(program, task).end();
}

/** A program in a process of its own that is ready to run laps; between them it is stopped. */
export class Runner<T extends LapTask> {
  private constructor(private readonly process: Process<T>) {}

  static async start<T extends LapTask>(program: Program, task: T): Promise<Runner<T>> {
    const process = new Process(program, task);
    let line: string;
    do line = await process.readLine();
    while (line !== 'ready');
    process.pause();
    return new Runner(process);
  }

  /** Returns its speed. */
  async lap(): Promise<number> {
    this.process.resume();
    this.process.writeLine();
    const speed = Number(await this.process.readLine());
    this.process.pause();
    return speed;
  }

  async end(): Promise<Answer<T>> {
    this.process.resume();
    return this.process.end();
  }
}

/** Whoever lets others wait for longer hangs. */
const limitMilliseconds = 5 * 60_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

class Process<T extends Task> {
  readonly #task: T;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: Promise<string>;
  readonly #exited: Promise<number | NodeJS.Signals | null>;

  constructor(program: Program, task: T) {
    this.#task = task;
    this.#child = spawn(program.command, program.arguments(task), {
      env: { ...process.env, ...program.environment },
      stdio: 'pipe',
    });
    running.add(this.#child);
    // Who has ended already has said why.
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#errors = text(this.#child.stderr);
    this.#exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve(code ?? signal));
    });
    this.#exited.finally(() => running.delete(this.#child)).catch(() => {});
  }

  writeLine(): void {
    this.#child.stdin.write('\n');
  }

  async readLine(): Promise<string> {
    const line = await this.#nextLine();
    if (line === undefined) throw await this.#failure();
    return line;
  }

  /** Nobody's threads may spin while others are measured. Windows knows no such thing. */
  pause(): void {
    if (process.platform !== 'win32') this.#child.kill('SIGSTOP');
  }

  resume(): void {
    if (process.platform !== 'win32') this.#child.kill('SIGCONT');
  }

  /** Nothing more is asked. */
  async end(): Promise<Answer<T>> {
    this.#child.stdin.end();
    let last = '';
    for (let line: string | undefined = last; line !== undefined; line = await this.#nextLine()) last = line;
    if ((await this.#exited) !== 0) throw await this.#failure();
    return JSON.parse(last) as Answer<T>;
  }

  async #nextLine(): Promise<string | undefined> {
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), limitMilliseconds);
    try {
      const { done, value } = await this.#lines.next();
      return done ? undefined : value;
    } finally {
      clearTimeout(limit);
    }
  }

  async #failure(): Promise<Error> {
    const [code, errors] = await Promise.all([this.#exited, this.#errors]);
    const lines = errors.trim().split('\n');
    const reason = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1);
    return new Error(`expected an answer to ${this.#task.kind}, got exit code ${code}: ${reason}`);
  }
}
