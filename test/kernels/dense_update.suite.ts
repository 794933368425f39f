import { it } from 'vitest';
import type { Backend, Dtype, FloatArray, OptimizerPlan } from '../../src/backend/backend.js';
import { constantsAt } from '../../src/optimizers/optimizer.js';
import { optimizerKernels } from '../../src/optimizers.js';
import { checkClose, epsilonOf, GuardedMatrix, randomValues } from '../support/arrays.js';
import { chainError, denseShapes, product } from '../support/dense.js';
import { optimizerPlans } from '../support/plans.js';
import type { Record } from '../support/record.js';

export function denseUpdateSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const kernels = backend.kernels(dtype);
  const epsilon = epsilonOf[dtype];
  const chain = (k: number) => chainError(dtype, k);

  it.each(optimizerPlans)('backward with the update of $kernel $parameters in place', (optimizer) => {
    for (const [rows, inputs, units] of denseShapes) {
      for (const step of [0, 3]) {
        const name = `${optimizer.kernel} ${rows}×${inputs}×${units} step ${step}`;
        // A later slot is smaller, so that a mean's square is below the mean of squares.
        const slotValues = (length: number, slot: number) =>
          step === 0
            ? new Float64Array(length)
            : randomValues(length, slot, 0.5 / (1 + 2 * slot), 1.5 / (1 + 2 * slot));
        const slotsOf = (length: number) =>
          Array.from(
            { length: optimizer.slots },
            (_, s) => new GuardedMatrix(dtype, 1, length, length, slotValues(length, s)),
          );
        const old = randomValues(inputs * units, 1);
        const weights = new GuardedMatrix(dtype, inputs, units, units + 1, old);
        const oldBias = randomValues(units, 4);
        const bias = new GuardedMatrix(dtype, 1, units, units, oldBias);
        const delta = new GuardedMatrix(dtype, rows, units, units + 2, randomValues(rows * units, 2));
        const x = new GuardedMatrix(dtype, rows, inputs, inputs + 3, randomValues(rows * inputs, 3));
        const inputGradient = new GuardedMatrix(dtype, rows, inputs, inputs);
        const weightSlots = slotsOf(inputs * units);
        const biasSlots = slotsOf(units);
        const learningRate = 0.05;
        kernels.denseBackward({
          rows,
          inputs,
          units,
          delta: delta.data,
          ldd: delta.leadingDimension,
          weights: weights.data,
          ldw: weights.leadingDimension,
          bias: bias.data,
          x: x.data,
          ldx: x.leadingDimension,
          inputGradient: inputGradient.data,
          ldg: inputs,
          update: {
            optimizer,
            learningRate,
            step,
            weightSlots: weightSlots.map(({ data }) => data),
            biasSlots: biasSlots.map(({ data }) => data),
          },
        });
        for (const input of [delta, x]) input.checkUntouched(name);
        for (const result of [weights, bias, inputGradient, ...weightSlots, ...biasSlots])
          result.checkSurroundings(name);
        const back = product(
          rows,
          inputs,
          units,
          (i, p) => delta.at(i, p),
          (p, j) => old[j * units + p],
        );
        checkClose(
          `${name}, old weights`,
          inputGradient.dense(),
          back.values,
          (e) => chain(units) * back.magnitudes[e],
        );
        const sums = product(
          inputs,
          units,
          rows,
          (i, p) => x.at(p, i),
          (p, j) => delta.at(p, j),
        );
        const columns = product(
          1,
          units,
          rows,
          () => 1,
          (p, j) => delta.at(p, j),
        );
        for (const [matrix, before, gradient, slots] of [
          [weights, old, sums, weightSlots],
          [bias, oldBias, columns, biasSlots],
        ] as const) {
          const initial = slots.map((_, s) => slotValues(before.length, s));
          const results = [matrix, ...slots].map((result) => result.dense());
          checkUpdate(name, results, optimizer, step, learningRate, before, gradient, initial, chain(rows), epsilon);
          for (const result of results) record(result);
        }
      }
    }
  });
}

/** Holds weights and slots after an update against the rule in double, applied to the materialised gradient. */
function checkUpdate(
  name: string,
  results: readonly FloatArray[],
  optimizer: OptimizerPlan,
  step: number,
  learningRate: number,
  weights: Float64Array,
  gradient: { values: Float64Array; magnitudes: Float64Array },
  slots: readonly Float64Array[],
  share: number,
  epsilon: number,
): void {
  const kernel = optimizerKernels[optimizer.kernel];
  const constants = constantsAt(kernel, step, learningRate, optimizer.parameters);
  const updated = (w: Float64Array, g: Float64Array) => {
    const state = [w.slice(), ...slots.map((slot) => slot.slice())];
    kernel.update(state[0], g, state.slice(1), constants);
    return state;
  };
  const expected = updated(weights, gradient.values);
  // The gradient's own error, and that of adding the decay …
  const error = gradient.magnitudes.map((magnitude, e) => share * magnitude + 2 * epsilon * Math.abs(weights[e]));
  // … carried through the rule by evaluating it at both ends …
  const ends = [1, -1].map((sign) =>
    updated(
      weights,
      gradient.values.map((g, e) => g + sign * error[e]),
    ),
  );
  // … and the rule's roundings: at most 24, of terms no larger than the old value, the step, and the gradient or its square.
  results.forEach((result, r) => {
    checkClose(`${name}, ${r === 0 ? 'weights' : `slot ${r - 1}`}`, result, expected[r], (e) => {
      const carried = Math.max(...ends.map((end) => Math.abs(end[r][e] - expected[r][e])));
      const before = Math.abs(r === 0 ? weights[e] : slots[r - 1][e]);
      const step = Math.abs(expected[r][e] - (r === 0 ? weights[e] : slots[r - 1][e]));
      return carried + 24 * epsilon * (before + step);
    });
  });
}
