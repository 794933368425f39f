import type { optimizerSpecs } from './plans.js';

type OptimizerObject = (typeof optimizerSpecs)[number];
/** An optimizer's memory of one weight; empty before the first update. */
export type State = { [name: string]: number };
/** The weight after update number t, counted from 1. */
type Rule = (w: number, g: number, t: number, state: State) => number;
type Rules = { readonly [S in OptimizerObject as S['type']]: (spec: S) => Rule };

/** First and second moments with the bias taken out, kept in the state as m and v. */
function moments(spec: { beta1: number; beta2: number }, g: number, t: number, state: State) {
  state.m = spec.beta1 * (state.m ?? 0) + (1 - spec.beta1) * g;
  state.v = spec.beta2 * (state.v ?? 0) + (1 - spec.beta2) * g ** 2;
  return { mean: state.m / (1 - spec.beta1 ** t), square: state.v / (1 - spec.beta2 ** t) };
}

/** The algorithms as PyTorch's documentation states them, for one weight and in its order of operations. */
const rules: Rules = {
  sgd: (spec) => (w, gradient, t, state) => {
    const g = gradient + spec.weightDecay * w;
    if (spec.momentum === 0) return w - spec.learningRate * g;
    state.b = t === 1 ? g : spec.momentum * state.b + (1 - spec.dampening) * g;
    return w - spec.learningRate * (spec.nesterov ? g + spec.momentum * state.b : state.b);
  },
  adam: (spec) => (w, gradient, t, state) => {
    const { mean, square } = moments(spec, gradient + spec.weightDecay * w, t, state);
    return w - (spec.learningRate * mean) / (Math.sqrt(square) + spec.epsilon);
  },
  adamW: (spec) => (w, gradient, t, state) => {
    const decayed = w - spec.learningRate * spec.weightDecay * w;
    const { mean, square } = moments(spec, gradient, t, state);
    return decayed - (spec.learningRate * mean) / (Math.sqrt(square) + spec.epsilon);
  },
  amsgrad: (spec) => (w, gradient, t, state) => {
    const { mean } = moments(spec, gradient + spec.weightDecay * w, t, state);
    state.largest = Math.max(state.largest ?? 0, state.v);
    return w - (spec.learningRate * mean) / (Math.sqrt(state.largest / (1 - spec.beta2 ** t)) + spec.epsilon);
  },
  nadam: (spec) => (w, gradient, t, state) => {
    const g = gradient + spec.weightDecay * w;
    const momentum = spec.beta1 * (1 - 0.5 * 0.96 ** (t * spec.momentumDecay));
    const next = spec.beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * spec.momentumDecay));
    state.product = (state.product ?? 1) * momentum;
    const { square } = moments(spec, g, t, state);
    const mean = (next * state.m) / (1 - state.product * next) + ((1 - momentum) * g) / (1 - state.product);
    return w - (spec.learningRate * mean) / (Math.sqrt(square) + spec.epsilon);
  },
  radam: (spec) => (w, gradient, t, state) => {
    const { mean } = moments(spec, gradient + spec.weightDecay * w, t, state);
    const limit = 2 / (1 - spec.beta2) - 1;
    const length = limit - (2 * t * spec.beta2 ** t) / (1 - spec.beta2 ** t);
    if (length <= 5) return w - spec.learningRate * mean;
    const adaption = Math.sqrt(1 - spec.beta2 ** t) / (Math.sqrt(state.v) + spec.epsilon);
    const rectification = Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length));
    return w - spec.learningRate * mean * rectification * adaption;
  },
  rmsprop: (spec) => (w, gradient, _, state) => {
    const g = gradient + spec.weightDecay * w;
    state.v = spec.rho * (state.v ?? 0) + (1 - spec.rho) * g ** 2;
    state.mean = spec.rho * (state.mean ?? 0) + (1 - spec.rho) * g;
    const variance = spec.centered ? state.v - state.mean ** 2 : state.v;
    state.b = spec.momentum * (state.b ?? 0) + g / (Math.sqrt(variance) + spec.epsilon);
    return w - spec.learningRate * state.b;
  },
  adagrad: (spec) => (w, gradient, t, state) => {
    const g = gradient + spec.weightDecay * w;
    const rate = spec.learningRate / (1 + (t - 1) * spec.learningRateDecay);
    state.sum = (state.sum ?? spec.initialAccumulator) + g ** 2;
    return w - (rate * g) / (Math.sqrt(state.sum) + spec.epsilon);
  },
  adadelta: (spec) => (w, gradient, _, state) => {
    const g = gradient + spec.weightDecay * w;
    state.v = spec.rho * (state.v ?? 0) + (1 - spec.rho) * g ** 2;
    const change = (Math.sqrt((state.u ?? 0) + spec.epsilon) / Math.sqrt(state.v + spec.epsilon)) * g;
    state.u = spec.rho * (state.u ?? 0) + (1 - spec.rho) * change ** 2;
    return w - spec.learningRate * change;
  },
  adamax: (spec) => (w, gradient, t, state) => {
    const g = gradient + spec.weightDecay * w;
    state.m = spec.beta1 * (state.m ?? 0) + (1 - spec.beta1) * g;
    state.u = Math.max(spec.beta2 * (state.u ?? 0), Math.abs(g) + spec.epsilon);
    return w - (spec.learningRate * state.m) / ((1 - spec.beta1 ** t) * state.u);
  },
  lion: (spec) => (w, g, _, state) => {
    const direction = Math.sign(spec.beta1 * (state.m ?? 0) + (1 - spec.beta1) * g);
    state.m = spec.beta2 * (state.m ?? 0) + (1 - spec.beta2) * g;
    return w - spec.learningRate * (direction + spec.weightDecay * w);
  },
  rprop: (spec) => (w, g, _, state) => {
    const agreement = g * (state.previous ?? 0);
    let size = state.size ?? spec.learningRate;
    if (agreement > 0) size *= spec.etaPlus;
    if (agreement < 0) size *= spec.etaMinus;
    state.size = Math.min(Math.max(size, spec.minimumStep), spec.maximumStep);
    state.previous = agreement < 0 ? 0 : g;
    return w - state.size * Math.sign(state.previous);
  },
};

export function ruleOf(spec: OptimizerObject): Rule {
  return (rules[spec.type] as (spec: OptimizerObject) => Rule)(spec);
}
