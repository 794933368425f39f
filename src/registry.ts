import { entry as find, invalid, isObject, options } from './validate.js';

/** One option of a registry entry: what it is when not given, and the check that returns it or throws `INVALID_ARGUMENT`. */
export interface Setting<T> {
  readonly default: T;
  readonly check: (value: unknown, name: string) => T;
}

/** Options by name, in the order in which numeric ones cross to a backend. */
// biome-ignore lint/suspicious/noExplicitAny: each setting has its own type, kept by `SettingsOf`
export type Settings = Readonly<Record<string, Setting<any>>>;
/** Their values; `& {}` has editors and the reference show those, not how they are come by. */
export type SettingsOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
} & {};

type Registry = Readonly<Record<string, { readonly settings: Settings }>>;

/** An entry named with options: plain JSON data. */
export type SpecObject<R extends Registry, N extends keyof R> = { readonly type: N } & Partial<
  SettingsOf<R[N]['settings']>
>;
/** What a user writes: the entry's name, or an object that has its name as `type` and any of its options. */
export type Spec<R extends Registry> = (keyof R & string) | { [N in keyof R]: SpecObject<R, N> }[keyof R];

export function setting<T>(value: NoInfer<T>, check: (value: unknown, name: string) => T): Setting<T> {
  return { default: value, check };
}

/** The entry a spec names and all its settings; throws `INVALID_ARGUMENT` for an unknown name, option or value. */
export function resolveSpec<R extends Registry>(
  registry: R,
  spec: unknown,
  name: string,
): { type: keyof R & string; entry: R[keyof R & string]; settings: Readonly<Record<string, unknown>> } {
  if (typeof spec !== 'string' && !isObject(spec)) {
    throw invalid(`one of ${Object.keys(registry).join(', ')}, or an object with that type,`, name, spec);
  }
  const given: Readonly<Record<string, unknown>> = typeof spec === 'string' ? { type: spec } : spec;
  const entry = find(registry, given.type, typeof spec === 'string' ? name : `${name}.type`);
  options(given, name, ['type', ...Object.keys(entry.settings)]);
  const settings: Record<string, unknown> = {};
  for (const [key, { default: value, check }] of Object.entries(entry.settings)) {
    settings[key] = given[key] === undefined ? value : check(given[key], `${name}.${key}`);
  }
  return { type: given.type as keyof R & string, entry: entry as R[keyof R & string], settings };
}

/** A frozen spec with every setting in it. */
export function makeSpec<R extends Registry, N extends keyof R & string>(
  registry: R,
  type: N,
  given: Partial<SettingsOf<R[N]['settings']>>,
): Required<SpecObject<R, N>> {
  const { settings } = resolveSpec(
    registry,
    { ...options(given, type, Object.keys(registry[type].settings)), type },
    type,
  );
  return Object.freeze({ type, ...settings }) as Required<SpecObject<R, N>>;
}

/** Makes specs of one registry entry: frozen plain data with every setting in it. Throws `INVALID_ARGUMENT`. */
export type Factory<Type extends string, Values> = (settings?: Partial<Values>) => { readonly type: Type } & Values;

const entries = new WeakMap<object, unknown>();

/**
 * The factory of an entry, which `entriesOf` finds behind it. `check` may refuse settings that do not go together: where they are
 * written, not when they are first used.
 */
export function factory<Type extends string, const S extends Settings>(
  type: Type,
  entry: { readonly settings: S },
  check?: (settings: SettingsOf<S>) => unknown,
): Factory<Type, SettingsOf<S>> {
  const make = (given: Partial<SettingsOf<S>> = {}): { readonly type: Type } & SettingsOf<S> => {
    const spec = makeSpec({ [type]: entry }, type, given) as { readonly type: Type } & SettingsOf<S>;
    check?.(spec);
    return spec;
  };
  entries.set(make, entry);
  return make;
}

/** The entries, of kind `E`, behind a module that exports nothing but their factories. */
export type EntriesOf<F, E> = {
  readonly [Type in keyof F]: F[Type] extends Factory<Type & string, infer Values>
    ? Omit<E, 'settings'> & { readonly settings: { readonly [K in keyof Values]: Setting<Values[K]> } }
    : never;
};

export function entriesOf<F extends object, E>(factories: F): EntriesOf<F, E> {
  const found = Object.entries(factories).map(([type, make]) => [type, entries.get(make)]);
  return Object.fromEntries(found) as EntriesOf<F, E>;
}
