import { expected } from './errors.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { integer, invalid, isObject, nonNegative, number, positive } from './validate.js';

/** What a learning rate may depend on. */
export interface ScheduleMoment {
  /** m: the update's number, counted from 1 over all that this optimizer's state has done. */
  readonly update: number;
  /** Counted from 0 over all fits of the network. */
  readonly epoch: number;
  /** The optimizer's learning rate. */
  readonly base: number;
  /** The number of the fit's last update, if it comes to its end. */
  readonly lastUpdate: number;
}

/** The rate of an update as a formula; a schedule that looks at the loss is told of each epoch. */
export interface Schedule<S extends Settings = Settings> {
  readonly settings: S;
  rate?(moment: ScheduleMoment, settings: SettingsOf<S>): number;
  /** For a schedule by epoch: its factor on the base rate, which `next` makes anew from each epoch's loss. */
  watch?(settings: SettingsOf<S>): { rate(base: number): number; next(loss: number, base: number): void };
}

function schedule<const S extends Settings>(entry: Schedule<S>): Schedule<S> {
  return entry;
}

function optional<T>(check: (value: unknown, name: string) => T) {
  return setting<T | undefined>(undefined, check);
}

function count(value: unknown, name: string): number {
  return integer(value, name, 1);
}

function share(value: unknown, name: string): number {
  return number(value, name, 'a number between 0 and 1', (v) => v > 0 && v < 1);
}

/** From `from` at share 0 to `to` at share 1 along half a cosine. */
function cosineBetween(from: number, to: number, at: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * at))) / 2;
}

/** Below, m is the update's number, counted from 1, and η the optimizer's learning rate. */
export const schedules = {
  /** η, or the value. */
  constant: schedule({
    settings: { value: optional(nonNegative) },
    rate: ({ base }, { value }) => value ?? base,
  }),
  /** a / (b + m), whatever η (Robbins and Monro 1951). */
  inverseTime: schedule({
    settings: { a: setting(1, positive), b: setting(0, nonNegative) },
    rate: ({ update }, { a, b }) => a / (b + update),
  }),
  /** 1 / m, whatever η. */
  reciprocal: schedule({ settings: {}, rate: ({ update }) => 1 / update }),
  /** η·factor^⌊(m − 1) / every⌋: PyTorch's StepLR stepped after each update. */
  stepDecay: schedule({
    settings: { every: setting(1000, count), factor: setting(0.1, positive) },
    rate: ({ update, base }, { every, factor }) => base * factor ** Math.floor((update - 1) / every),
  }),
  /** η·factor^((m − 1) / every): PyTorch's ExponentialLR. */
  exponentialDecay: schedule({
    settings: { factor: setting(0.999, positive), every: setting(1, count) },
    rate: ({ update, base }, { every, factor }) => base * factor ** ((update - 1) / every),
  }),
  /** end + (η − end)·(1 − s)^power with s = min(1, (m − 1) / updates); updates: default, to the fit's end. PyTorch's PolynomialLR at end 0. */
  polynomial: schedule({
    settings: { updates: optional(count), power: setting(1, positive), end: setting(0, nonNegative) },
    rate: ({ update, base, lastUpdate }, { updates = lastUpdate, power, end }) =>
      end + (base - end) * (1 - Math.min(1, (update - 1) / updates)) ** power,
  }),
  /**
   * η·m/warmup for the first `warmup` updates, then from η to `minimum` along half a cosine, begun anew `restarts` times in
   * equal periods, up to update number `updates` (default: the fit's last): Loshchilov and Hutter 2017.
   */
  cosine: schedule({
    settings: {
      warmup: setting(0, (value, name) => integer(value, name, 0)),
      restarts: setting(0, (value, name) => integer(value, name, 0)),
      updates: optional(count),
      minimum: setting(0, nonNegative),
    },
    rate({ update, base, lastUpdate }, { warmup, restarts, updates = lastUpdate, minimum }) {
      if (update <= warmup) return (base * update) / warmup;
      const period = Math.max(1, updates - warmup) / (restarts + 1);
      const done = update - 1 - warmup;
      if (done >= period * (restarts + 1)) return minimum;
      return cosineBetween(base, minimum, (done % period) / period);
    },
  }),
  /**
   * From η / divisor up to η in the first share `rise` of the updates (default: to the fit's end), then down to
   * η / (divisor·finalDivisor), both along half a cosine, as PyTorch's OneCycleLR with max_lr = η (Smith and Topin 2018).
   */
  oneCycle: schedule({
    settings: {
      updates: optional(count),
      rise: setting(0.3, share),
      divisor: setting(25, positive),
      finalDivisor: setting(1e4, positive),
    },
    rate({ update, base, lastUpdate }, { updates = lastUpdate, rise, divisor, finalDivisor }) {
      const done = Math.min(update, updates) - 1;
      const top = rise * updates - 1;
      const start = base / divisor;
      if (done <= top) return cosineBetween(start, base, top > 0 ? done / top : 1);
      return cosineBetween(base, start / finalDivisor, (done - top) / (updates - 1 - top));
    },
  }),
  /**
   * η times `factor` whenever the loss (validation's where there is one) was no lower than (1 − threshold)·best for more than
   * `patience` epochs, at least `minimum`, and not again for `cooldown` epochs: PyTorch's ReduceLROnPlateau. Begins anew with each fit.
   */
  reduceOnPlateau: schedule({
    settings: {
      factor: setting(0.1, share),
      patience: setting(10, (value, name) => integer(value, name, 0)),
      threshold: setting(1e-4, nonNegative),
      cooldown: setting(0, (value, name) => integer(value, name, 0)),
      minimum: setting(0, nonNegative),
    },
    watch({ factor, patience, threshold, cooldown, minimum }) {
      let current: number | undefined;
      let best = Number.POSITIVE_INFINITY;
      let bad = 0;
      let cooling = 0;
      return {
        rate: (base) => current ?? base,
        next(loss, base) {
          if (loss < best * (1 - threshold)) {
            best = loss;
            bad = 0;
          } else bad++;
          if (cooling > 0) {
            cooling--;
            bad = 0;
          }
          if (bad <= patience) return;
          current = Math.max((current ?? base) * factor, minimum);
          cooling = cooldown;
          bad = 0;
        },
      };
    },
  }),
} satisfies Readonly<Record<string, Schedule>>;

/** The schedules there are. */
export type ScheduleName = keyof typeof schedules;
/** The learning rate of update `update`, counted from 1 over all that the optimizer's state has done, in epoch `epoch`, counted from 0. */
export type ScheduleFunction = (update: number, epoch: number) => number;
/** A schedule's name, `{ type, … }` with its settings, or a function; lengths are in updates. */
export type ScheduleSpec = Spec<typeof schedules> | ScheduleFunction;
type ScheduleObject<N extends ScheduleName> = Required<SpecObject<typeof schedules, N>>;
type ScheduleSettings<N extends ScheduleName> = Partial<SettingsOf<(typeof schedules)[N]['settings']>>;

/**
 * a / (b + m), m the update's number counted from 1; the optimizer's learning rate plays no part (Robbins and Monro 1951).
 * Defaults: a 1, b 0. Throws `INVALID_ARGUMENT`.
 */
export function inverseTime(settings: ScheduleSettings<'inverseTime'> = {}): ScheduleObject<'inverseTime'> {
  return makeSpec(schedules, 'inverseTime', settings);
}

/** 1 / m, m the update's number counted from 1; the optimizer's learning rate plays no part. */
export function reciprocal(): ScheduleObject<'reciprocal'> {
  return makeSpec(schedules, 'reciprocal', {});
}

/**
 * The optimizer's rate times `factor` after every `every` updates, as PyTorch's StepLR.
 * Defaults: every 1000, factor 0.1. Throws `INVALID_ARGUMENT`.
 */
export function stepDecay(settings: ScheduleSettings<'stepDecay'> = {}): ScheduleObject<'stepDecay'> {
  return makeSpec(schedules, 'stepDecay', settings);
}

/**
 * The optimizer's rate, `factor` times as large after `every` updates, smoothly, as PyTorch's ExponentialLR.
 * Defaults: factor 0.999, every 1. Throws `INVALID_ARGUMENT`.
 */
export function exponentialDecay(
  settings: ScheduleSettings<'exponentialDecay'> = {},
): ScheduleObject<'exponentialDecay'> {
  return makeSpec(schedules, 'exponentialDecay', settings);
}

/**
 * From the optimizer's rate to `end` in `updates` updates by a power of what is left, as PyTorch's PolynomialLR.
 * Defaults: updates to the fit's end, power 1, end 0. Throws `INVALID_ARGUMENT`.
 */
export function polynomial(settings: ScheduleSettings<'polynomial'> = {}): ScheduleObject<'polynomial'> {
  return makeSpec(schedules, 'polynomial', settings);
}

/**
 * Linear warm-up, then half a cosine down to `minimum`, with restarts (Loshchilov and Hutter 2017); lengths in updates.
 * Defaults: warmup 0, restarts 0, updates to the fit's end, minimum 0. Throws `INVALID_ARGUMENT`.
 */
export function cosine(settings: ScheduleSettings<'cosine'> = {}): ScheduleObject<'cosine'> {
  return makeSpec(schedules, 'cosine', settings);
}

/**
 * One rise to the optimizer's rate and one fall far below where it began (Smith and Topin 2018), as PyTorch's OneCycleLR.
 * Defaults: updates to the fit's end, rise 0.3 of them, divisor 25, finalDivisor 1e4. Throws `INVALID_ARGUMENT`.
 */
export function oneCycle(settings: ScheduleSettings<'oneCycle'> = {}): ScheduleObject<'oneCycle'> {
  return makeSpec(schedules, 'oneCycle', settings);
}

/**
 * The rate times `factor` after more than `patience` epochs without a lower loss, as PyTorch's ReduceLROnPlateau.
 * Defaults: factor 0.1, patience 10, threshold 1e-4, cooldown 0, minimum 0. Throws `INVALID_ARGUMENT`.
 */
export function reduceOnPlateau(settings: ScheduleSettings<'reduceOnPlateau'> = {}): ScheduleObject<'reduceOnPlateau'> {
  return makeSpec(schedules, 'reduceOnPlateau', settings);
}

/** A fit's learning rates. */
export interface LearningRates {
  /** All updates have this one rate, unless it is undefined. */
  readonly constant: number | undefined;
  /** The rate changes with the epochs' losses. */
  readonly watchesEpochs: boolean;
  /** Throws `INVALID_ARGUMENT` where a user's function gives no rate. */
  rate(update: number, epoch: number, lastUpdate: number): number;
  next(loss: number): void;
}

/** Checks a schedule and makes a function that starts it for a fit; throws `INVALID_ARGUMENT`. */
export function resolveSchedule(spec: unknown, base: number): () => LearningRates {
  if (typeof spec === 'function') {
    const given = spec as ScheduleFunction;
    const rate = (update: number, epoch: number): number => {
      const value = given(update, epoch);
      if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
      throw invalid('a finite number ≥ 0', `schedule(${update}, ${epoch})`, value);
    };
    return () => ({ constant: undefined, watchesEpochs: false, rate, next: () => undefined });
  }
  if (spec !== undefined && typeof spec !== 'string' && !isObject(spec)) {
    throw invalid(
      `one of ${Object.keys(schedules).join(', ')}, an object with that type or a function`,
      'schedule',
      spec,
    );
  }
  const { type, entry, settings } = resolveSpec(schedules, spec ?? 'constant', 'schedule');
  const { rate, watch }: Schedule = entry as unknown as Schedule;
  return () => {
    const watched = watch?.(settings);
    const at = (update: number, epoch: number, lastUpdate: number): number =>
      rate ? rate({ update, epoch, base, lastUpdate }, settings) : watched!.rate(base);
    return {
      constant: type === 'constant' ? at(1, 0, 1) : undefined,
      watchesEpochs: watched !== undefined,
      rate(update, epoch, lastUpdate) {
        const value = at(update, epoch, lastUpdate);
        if (Number.isFinite(value)) return value;
        throw expected('INVALID_ARGUMENT', 'a finite rate', `schedule at update ${update}`, String(value));
      },
      next: (loss) => watched?.next(loss, base),
    };
  };
}
