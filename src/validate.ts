import { describe, expected } from './errors.js';

type Fields = Record<string, unknown>;

export function invalid(what: string, name: string, got: unknown): Error {
  return expected('INVALID_ARGUMENT', what, name, describe(got));
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** Throws `INVALID_ARGUMENT` unless value is a plain object whose every field is one of `known`. */
export function options<T extends object>(value: T, name: string, known: readonly string[]): T;
export function options(value: unknown, name: string, known: readonly string[]): Fields;
export function options(value: unknown, name: string, known: readonly string[]): Fields {
  if (!isObject(value)) throw invalid('an object', name, value);
  // Not over `Object.keys`, and without `includes`: either takes as long as all these comparisons.
  for (const field in value) {
    if (!isAmong(known, field) && value[field] !== undefined && Object.hasOwn(value, field)) {
      throw expected('INVALID_ARGUMENT', `only ${known.join(', ')}`, name, `unknown option ${JSON.stringify(field)}`);
    }
  }
  return value;
}

function isAmong(names: readonly string[], name: string): boolean {
  for (let i = 0; i < names.length; i++) if (names[i] === name) return true;
  return false;
}

/** A finite number within the bounds; `what` describes them. */
export function number(value: unknown, name: string, what: string, accepts: (value: number) => boolean): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || !accepts(value)) throw invalid(what, name, value);
  return value;
}

export function finite(value: unknown, name: string): number {
  return number(value, name, 'a finite number', () => true);
}

export function positive(value: unknown, name: string): number {
  return number(value, name, 'a positive number', (v) => v > 0);
}

export function nonNegative(value: unknown, name: string): number {
  return number(value, name, 'a number ≥ 0', (v) => v >= 0);
}

/** A number in [0, 1), as decay factors and dropout rates are. */
export function fraction(value: unknown, name: string): number {
  return number(value, name, 'a number in [0, 1)', (v) => v >= 0 && v < 1);
}

/** A number in [0, 1]. */
export function share(value: unknown, name: string): number {
  return number(value, name, 'a number in [0, 1]', (v) => v >= 0 && v <= 1);
}

export function integer(value: unknown, name: string, minimum: number, maximum: number = 2 ** 31 - 1): number {
  if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return value as number;
  const what = maximum === 2 ** 31 - 1 ? `an integer ≥ ${minimum}` : `an integer from ${minimum} to ${maximum}`;
  throw invalid(what, name, value);
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw invalid('true or false', name, value);
  return value;
}

export function optionalFunction(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function') throw invalid('a function', name, value);
}

export function oneOf<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  if (!choices.includes(value as T)) throw invalid(`one of ${choices.join(', ')}`, name, value);
  return value as T;
}

/** The registry entry a name stands for; own properties only, so that 'constructor' is unknown. */
export function entry<T>(registry: Readonly<Record<string, T>>, key: unknown, name: string): T {
  if (typeof key !== 'string' || !Object.hasOwn(registry, key)) {
    throw invalid(`one of ${Object.keys(registry).join(', ')}`, name, key);
  }
  return registry[key] as T;
}
