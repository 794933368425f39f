import { expect, it } from 'vitest';
import type { Backend, ClipPlan, Dtype, FloatArray } from '../../src/backend/backend.js';
import { adam, nadam, resolveOptimizer } from '../../src/optimizers.js';
import { checkClose, epsilonOf, floats } from '../support/arrays.js';
import {
  gradientsOf,
  inOrder,
  lossOf,
  makeJob,
  makePlan,
  makeSamples,
  makeTrainer,
  parametersOf,
} from '../support/networks.js';
import type { Record } from '../support/record.js';

const layers = [[40, 'tanh', { l2: 0.01 }], 0.25, 'layerNormalization', [3, 'softmax']] as const;

/** Accumulation, clipping, norms, and the steps of a custom loop. */
export function passSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const epsilon = epsilonOf[dtype];
  const plan = makePlan(dtype, 6, layers);
  const loss = lossOf(plan, 'crossEntropy');
  const rows = 32;
  const samples = makeSamples(plan, rows);
  const order = inOrder(rows);
  const learningRates = Float64Array.of(0.5);

  function update(given: { passRows?: number; clip?: ClipPlan; gradientNorms?: Float64Array }) {
    const trainer = makeTrainer(backend, plan);
    const job = makeJob({ samples, order, batchSize: rows, loss, learningRates, ...given });
    trainer.trainSync(job);
    return { losses: job.losses, parameters: parametersOf(trainer, plan) };
  }

  const initial = () => parametersOf(makeTrainer(backend, plan), plan);
  const gradient = () => gradientsOf(makeTrainer(backend, plan), plan, { samples, rows, loss }).gradients;
  const norm = (arrays: readonly FloatArray[]) => Math.hypot(...arrays.flatMap((array) => Array.from(array)));

  it.each([1, 7, 8, 32, 50])('accumulates passes of %i rows to the same update', (passRows) => {
    const whole = update({});
    const parts = update({ passRows });
    // Two orders of the same sums of up to 32 terms; no gradient here is larger than 1.
    const tolerance = 2 * (rows + 12) * epsilon;
    expect(Math.abs(parts.losses[0] - whole.losses[0])).toBeLessThanOrEqual(tolerance * whole.losses[0]);
    parts.parameters.forEach((values, p) => {
      checkClose('parameters', values, whole.parameters[p], () => tolerance);
      record(values);
    });
  });

  it("gives the norm of each layer's gradient", () => {
    const gradientNorms = new Float64Array(layers.length).fill(Number.NaN);
    update({ gradientNorms, clip: { norm: 1e-3 } });
    const gradients = gradient();
    const expected = [norm(gradients.slice(0, 2)), 0, norm(gradients.slice(2, 4)), norm(gradients.slice(4))];
    checkClose('norms', gradientNorms, expected, (l) => 300 * epsilon * expected[l]);
    record(gradientNorms);
  });

  it.each([{ norm: 0.01 }, { norm: 100 }, { value: 0.002 }, { value: 100 }])(
    'clips the gradient of an update to %j',
    (clip: ClipPlan) => {
      const before = initial();
      const gradients = gradient();
      // PyTorch's clip_grad_norm_ and clip_grad_value_.
      const factor = clip.norm === undefined ? 1 : Math.min(1, clip.norm / (norm(gradients) + 1e-6));
      const limit = clip.value ?? Number.POSITIVE_INFINITY;
      expect(clip.norm !== 0.01 || factor < 1).toBe(true);
      update({ clip }).parameters.forEach((after, p) => {
        const expected = before[p].map((w, i) => w - 0.5 * Math.min(Math.max(gradients[p][i] * factor, -limit), limit));
        checkClose(
          'weights',
          after,
          expected,
          (i) => epsilon * (4 * Math.abs(before[p][i]) + 300 * Math.abs(gradients[p][i])),
        );
        record(after);
      });
    },
  );

  it('clips the gradients of accumulated passes as one', () => {
    const whole = update({ clip: { norm: 0.01 } });
    update({ clip: { norm: 0.01 }, passRows: 8 }).parameters.forEach((values, p) => {
      checkClose('parameters', values, whole.parameters[p], () => 2 * (rows + 12) * epsilon);
    });
  });

  it('gives the same gradients off the calling thread', async () => {
    const trainer = makeTrainer(backend, plan);
    const sync = gradientsOf(trainer, plan, { samples, rows, loss });
    const gradients = initial();
    const inputGradient = floats(dtype, rows * 6);
    const value = await trainer.gradients({ samples, rows, loss, firstUpdate: 0, gradients, inputGradient });
    expect({ loss: value, gradients, inputGradient }).toEqual(sync);
  });

  it.each(['layerNormalization', 'batchNormalization'] as const)(
    'makes the steps of an update one by one, with %s',
    (normalization) => {
      const steps = makePlan(dtype, 6, [[9, 'tanh', { l2: 0.1, maxNorm: 1 }], 0.25, normalization, [3, 'identity']]);
      const data = makeSamples(steps, rows);
      const squaredError = lossOf(steps, 'meanSquaredError');
      const { plan: optimizer } = resolveOptimizer(nadam());
      const clip = { norm: 0.1 };
      const whole = makeTrainer(backend, steps);
      const trainer = makeTrainer(backend, steps);
      for (let step = 0; step < 3; step++) {
        const position = { optimizer, optimizerStep: step, clip };
        const updates = { firstUpdate: 4 + step, learningRates: Float64Array.of(0.01) };
        const { inputGradient: expectedInputGradient } = gradientsOf(trainer, steps, {
          samples: data,
          rows,
          loss: squaredError,
          firstUpdate: 4 + step,
        });
        whole.trainSync(
          makeJob({ samples: data, order, batchSize: rows, loss: squaredError, ...updates, ...position }),
        );
        const outputs = floats(dtype, rows * 3);
        trainer.forwardSync({ x: data.x, rows, training: true, update: 4 + step, outputs });
        const outputGradient = outputs.map((p, e) => (2 * (p - data.y[e])) / (rows * 3));
        const inputGradient = floats(dtype, rows * 6);
        trainer.backwardSync({ outputGradient, inputGradient, parameters: true });
        checkClose('∂L/∂x', inputGradient, expectedInputGradient, () => 4 * (rows + 12) * epsilon);
        trainer.applyGradientsSync({ ...position, learningRate: 0.01 });
        const expected = parametersOf(whole, steps);
        parametersOf(trainer, steps).forEach((values, p) => {
          // Steps of nadam are at most 10 learning rates, and relative to a gradient that may itself be small.
          checkClose(`array ${p}`, values, expected[p], () => 100 * (step + 1) * (rows + 12) * epsilon);
          record(values);
        });
      }
    },
  );

  it('goes back through one forward pass as often as asked, in training and out of it', () => {
    const trainer = makeTrainer(backend, plan);
    const probe = makeTrainer(backend, plan);
    const before = initial();
    for (const training of [false, true]) {
      const outputs = floats(dtype, rows * 3);
      trainer.forwardSync({ x: samples.x, rows, training, update: 0, outputs });
      const evaluated = floats(dtype, rows * 3);
      const back = (k: number) => {
        const outputGradient = floats(dtype, rows * 3).map((_, e) => Number(e % 3 === k));
        const inputGradient = floats(dtype, rows * 6);
        trainer.backwardSync({ outputGradient, inputGradient, parameters: false });
        record(inputGradient);
        return inputGradient;
      };
      const jacobian = [0, 1, 2].map(back);
      expect([0, 1, 2].map(back)).toEqual(jacobian);
      // As far as rounding of outputs lets differences tell: steps of the cube root of it.
      const step = Math.cbrt(epsilon);
      for (let e = 0; e < rows * 6; e += 11) {
        const [above, below] = [step, -step].map((by) => {
          const moved = floats(dtype, rows * 3);
          const x = samples.x.map((value, i) => (i === e ? value + by : value));
          probe.forwardSync({ x, rows, training, update: 0, outputs: moved });
          return moved;
        });
        for (let k = 0; k < 3; k++) {
          const at = Math.floor(e / 6) * 3 + k;
          const difference = (above[at] - below[at]) / (2 * step);
          expect(Math.abs(difference - jacobian[k][e])).toBeLessThanOrEqual(50 * step ** 2);
        }
      }
      trainer.evaluateSync({ samples, from: 0, rows, batchSize: rows, outputs: evaluated });
      if (training) expect(outputs).not.toEqual(evaluated);
      else expect(outputs).toEqual(evaluated);
    }
    expect(parametersOf(trainer, plan)).toEqual(before);
  });

  it('refuses to go back where nothing went forward, and to apply what is not there', () => {
    const trainer = makeTrainer(backend, plan);
    const outputGradient = floats(dtype, rows * 3);
    const { plan: optimizer } = resolveOptimizer(adam());
    const refusal = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => trainer.backwardSync({ outputGradient, parameters: true })).toThrow(refusal);
    expect(() => trainer.applyGradientsSync({ optimizer, learningRate: 0.1, optimizerStep: 0 })).toThrow(refusal);
  });
}
