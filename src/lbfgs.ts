import { addScaled, dot, largestMagnitude } from './vectors.js';

/** Loss and gradient at a point. */
interface Evaluation {
  readonly loss: number;
  readonly gradient: Float64Array;
}

/** What an optimizer's steps leave for the next. */
export interface Memory {
  iterations: number;
  direction: Float64Array;
  step: number;
  previousGradient: Float64Array;
  /** ys / y·y of the last change kept. */
  scale: number;
  /** Changes of the gradient, y, and of the point, s, oldest first, and 1 / y·s. */
  readonly changes: { y: Float64Array; s: Float64Array; rho: number }[];
}

export interface LbfgsSettings {
  readonly maxIterations: number;
  readonly historySize: number;
  readonly gradientTolerance: number;
  readonly changeTolerance: number;
  readonly learningRate: number;
}

/** A change whose y·s is smaller would spoil the approximation of the Hessian: PyTorch's bound. */
const leastCurvature = 1e-10;

export function newMemory(): Memory {
  const none = new Float64Array(0);
  return { iterations: 0, direction: none, step: 0, previousGradient: none, scale: 1, changes: [] };
}

/**
 * One step of L-BFGS without a line search, up to `maxIterations` iterations, from a point already evaluated: Nocedal 1980, in
 * the order of PyTorch's LBFGS. Yields how far to move from the point, and is told what was found there. Returns false where
 * a number is not finite.
 */
export function* lbfgsStep(
  memory: Memory,
  settings: LbfgsSettings,
  start: Evaluation,
): Generator<Float64Array, boolean, Evaluation> {
  const { maxIterations, gradientTolerance, changeTolerance, learningRate } = settings;
  const mostEvaluations = Math.floor((maxIterations * 5) / 4);
  let { loss, gradient } = start;
  let evaluations = 1;
  if (largestMagnitude(gradient) <= gradientTolerance) return true;
  for (let iteration = 1; ; iteration++) {
    memory.iterations++;
    remember(memory, gradient, settings.historySize);
    memory.direction = descentDirection(memory, gradient);
    memory.previousGradient = gradient;
    const previousLoss = loss;
    memory.step =
      memory.iterations === 1
        ? Math.min(1, 1 / gradient.reduce((sum, g) => sum + Math.abs(g), 0)) * learningRate
        : learningRate;
    const slope = dot(gradient, memory.direction);
    if (!Number.isFinite(slope)) return false;
    if (slope > -changeTolerance) return true;
    const move = memory.direction.map((d) => memory.step * d);
    const found = yield move;
    if (iteration === maxIterations) return true;
    ({ loss, gradient } = found);
    if (!Number.isFinite(loss)) return false;
    evaluations++;
    if (
      evaluations >= mostEvaluations ||
      largestMagnitude(gradient) <= gradientTolerance ||
      largestMagnitude(move) <= changeTolerance ||
      Math.abs(loss - previousLoss) < changeTolerance
    ) {
      return true;
    }
  }
}

function remember(memory: Memory, gradient: Float64Array, historySize: number): void {
  const { changes, previousGradient, direction, step } = memory;
  if (memory.iterations === 1) return;
  const y = gradient.map((g, i) => g - previousGradient[i]);
  const s = direction.map((d) => d * step);
  const curvature = dot(y, s);
  if (!(curvature > leastCurvature)) return;
  if (changes.length === historySize) changes.shift();
  changes.push({ y, s, rho: 1 / curvature });
  memory.scale = curvature / dot(y, y);
}

/** Minus the approximate inverse Hessian times the gradient: the two-loop recursion. */
function descentDirection({ changes, scale }: Memory, gradient: Float64Array): Float64Array {
  const direction = gradient.map((g) => -g);
  const shares = new Float64Array(changes.length);
  for (let i = changes.length - 1; i >= 0; i--) {
    const { y, s, rho } = changes[i];
    shares[i] = dot(s, direction) * rho;
    addScaled(direction, y, -shares[i]);
  }
  for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  changes.forEach(({ y, s, rho }, i) => {
    addScaled(direction, s, shares[i] - dot(y, direction) * rho);
  });
  return direction;
}
