import { entry as find, invalid, isObject, options } from './validate.js';

/** One option of a registry entry: what it is when not given, and the check that returns it or throws `INVALID_ARGUMENT`. */
export interface Setting<T> {
  readonly default: T;
  readonly check: (value: unknown, name: string) => T;
}

/** Options by name, in the order in which numeric ones cross to a backend. */
// biome-ignore lint/suspicious/noExplicitAny: each setting has its own type, kept by `SettingsOf`
export type Settings = Readonly<Record<string, Setting<any>>>;
export type SettingsOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

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
