import { availableParallelism } from 'node:os';
import { ChainruleError, describe, expected } from '../errors.js';
import type { Backend } from './backend.js';
import { type LoadResult, loadAddon } from './load.js';
import { createNativeBackend, nativeIsas } from './native.js';
import { typescriptBackend } from './typescript/index.js';

/** `auto` is native where it loads, else TypeScript; `native` throws `BACKEND_UNAVAILABLE` where it does not. */
export type BackendChoice = 'auto' | 'native' | 'typescript';
export type Environment = Readonly<Record<string, string | undefined>>;

/** The backend chosen, and why it and no other. */
export interface BackendSelection {
  readonly backend: Backend;
  readonly reason: string;
}

const isaNames = ['avx512', 'avx2', 'neon', 'scalar'];

let loadedOnce: LoadResult | undefined;
const nativeBackends = new Map<string, Backend>();

/**
 * An option other than `auto` wins over CHAINRULE_BACKEND; CHAINRULE_ISA names the instruction set of the native
 * backend, and `instructionSet` one that wins over it.
 * @throws ChainruleError INVALID_ARGUMENT for a name there is not, or for names that contradict each other; BACKEND_UNAVAILABLE,
 * with the loader's failures as `cause`, for a backend or an instruction set that this machine cannot run.
 */
export function selectBackend(
  choice: BackendChoice = 'auto',
  environment: Environment = process.env,
  loaded?: LoadResult,
  instructionSet?: string,
): BackendSelection {
  const named = oneOf(choice, ['auto', 'native', 'typescript'], 'backend');
  const variable = environmentName(environment, 'CHAINRULE_BACKEND', ['native', 'typescript']);
  const isaName = instructionSet === undefined ? 'CHAINRULE_ISA' : 'isa';
  const isa =
    instructionSet === undefined
      ? environmentName(environment, 'CHAINRULE_ISA', isaNames)
      : oneOf(instructionSet, isaNames, 'isa');

  if (named === 'typescript' && instructionSet !== undefined) {
    throw expected('INVALID_ARGUMENT', "no instruction set beside backend: 'typescript'", 'isa', instructionSet);
  }
  if (named === 'typescript') return { backend: typescriptBackend, reason: "backend: 'typescript' was asked for" };
  if (named === 'auto' && variable === 'typescript') {
    if (isa !== undefined) {
      throw expected('INVALID_ARGUMENT', 'no instruction set beside CHAINRULE_BACKEND=typescript', isaName, isa);
    }
    return { backend: typescriptBackend, reason: 'CHAINRULE_BACKEND=typescript' };
  }

  const { addon, failures } = loaded ?? loadOnce();
  if (addon === undefined) {
    const reason = `the native backend did not load: ${failures.map((failure) => failure.message).join('; ')}`;
    if (named === 'auto' && variable === undefined && isa === undefined) return { backend: typescriptBackend, reason };
    throw new ChainruleError('BACKEND_UNAVAILABLE', reason, { cause: failures });
  }
  const isas = nativeIsas(addon);
  if (isa !== undefined && !isas.includes(isa)) {
    throw new ChainruleError(
      'BACKEND_UNAVAILABLE',
      `expected an instruction set of this machine (${isas.join(', ')}) for ${isaName}, got ${isa}`,
      { cause: failures },
    );
  }
  const asked =
    named === 'native' ? "backend: 'native'" : variable === 'native' ? 'CHAINRULE_BACKEND=native' : 'the addon loaded';
  const chosen = isa === undefined ? `${isas[0]} is the best of ${isas.join(', ')}` : `${isaName}=${isa}`;
  return { backend: nativeBackend(addon, isa ?? isas[0]), reason: `${asked}; ${chosen}` };
}

/**
 * Compute threads: the option, else CHAINRULE_THREADS, else what the operating system says is there.
 * @throws ChainruleError INVALID_ARGUMENT unless it is a positive integer.
 */
export function selectThreads(threads?: number, environment: Environment = process.env): number {
  const variable = environment.CHAINRULE_THREADS;
  if (threads !== undefined) return positiveInteger(threads, 'threads', describe(threads));
  if (variable) return positiveInteger(Number(variable), 'CHAINRULE_THREADS', describe(variable));
  return availableParallelism();
}

/** TypeScript, and native on every instruction set this machine has: what the conformance suites run on. */
export function availableBackends(): Backend[] {
  const { addon } = loadOnce();
  const isas = addon === undefined ? [] : nativeIsas(addon);
  return [typescriptBackend, ...isas.map((isa) => nativeBackend(addon, isa))];
}

function loadOnce(): LoadResult {
  loadedOnce ??= loadAddon();
  return loadedOnce;
}

function nativeBackend(addon: unknown, isa: string): Backend {
  const backend = nativeBackends.get(isa) ?? createNativeBackend(addon, isa);
  nativeBackends.set(isa, backend);
  return backend;
}

function environmentName(environment: Environment, variable: string, names: readonly string[]): string | undefined {
  // An empty variable is an unset one: a shell's `NAME= command`.
  return environment[variable] ? oneOf(environment[variable], names, variable) : undefined;
}

function oneOf(value: string, names: readonly string[], name: string): string {
  if (names.includes(value)) return value;
  throw expected('INVALID_ARGUMENT', `one of ${names.join(', ')}`, name, describe(value));
}

function positiveInteger(value: number, name: string, got: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw expected('INVALID_ARGUMENT', 'a positive integer', name, got);
}
