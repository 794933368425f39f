import { it } from 'vitest';
import { activationNamed } from '../../src/activations.js';
import type { Backend, Dtype } from '../../src/backend/backend.js';
import { activationDeltas, activationValues } from '../support/activations.js';
import { checkClose, GuardedMatrix, randomValues } from '../support/arrays.js';
import { chainError, denseShapes, product } from '../support/dense.js';
import { activationPlans } from '../support/plans.js';
import type { Record } from '../support/record.js';

export function denseSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const kernels = backend.kernels(dtype);
  const chain = (k: number) => chainError(dtype, k);

  it.each(activationPlans)('forward with $name', (activation) => {
    for (const [rows, inputs, units] of denseShapes) {
      const x = new GuardedMatrix(dtype, rows, inputs, inputs + 3, randomValues(rows * inputs, 1));
      const weights = new GuardedMatrix(dtype, inputs, units, units + 1, randomValues(inputs * units, 2));
      for (const hasBias of [true, false]) {
        for (const keeps of [true, false]) {
          const name = `${activation.name} ${rows}×${inputs}×${units}`;
          const bias = new GuardedMatrix(dtype, 1, hasBias ? units : 0, units, randomValues(units, 3));
          const output = new GuardedMatrix(dtype, rows, units, units + 2);
          const preActivation = new GuardedMatrix(dtype, rows, units, units + 2);
          kernels.denseForward({
            rows,
            inputs,
            units,
            x: x.data,
            ldx: x.leadingDimension,
            weights: weights.data,
            ldw: weights.leadingDimension,
            bias: hasBias ? bias.data : undefined,
            activation,
            output: output.data,
            ldo: output.leadingDimension,
            preActivation: keeps ? preActivation.data : undefined,
          });
          for (const input of [x, weights, bias]) input.checkUntouched(name);
          for (const result of [output, preActivation]) result.checkSurroundings(name);
          const sums = product(
            rows,
            units,
            inputs,
            (i, p) => x.at(i, p),
            (p, j) => weights.at(p, j),
          );
          for (let e = 0; e < rows * units && hasBias; e++) {
            sums.values[e] += bias.data[e % units];
            sums.magnitudes[e] += Math.abs(bias.data[e % units]);
          }
          const error = sums.magnitudes.map((magnitude) => chain(inputs + 1) * magnitude);
          if (keeps) checkClose(name, preActivation.dense(), sums.values, (e) => error[e]);
          const { values, tolerance } = activationValues(activation, dtype, rows, units, sums.values, error);
          checkClose(name, output.dense(), values, (e) => tolerance[e]);
          record(output.dense());
        }
      }
    }
  });

  it.each(activationPlans)('backward to an input that $name made', (inputActivation) => {
    for (const [rows, inputs, units] of denseShapes) {
      const name = `${inputActivation.name} ${rows}×${inputs}×${units}`;
      const { forward, saves } = activationNamed(inputActivation);
      const weights = new GuardedMatrix(dtype, inputs, units, units + 1, randomValues(inputs * units, 1));
      const delta = new GuardedMatrix(dtype, rows, units, units + 2, randomValues(rows * units, 2));
      const values = randomValues(rows * inputs, 3, -3, 3);
      for (let i = 0; i < rows && saves === 'output'; i++) {
        forward(values, i * inputs, values, i * inputs, inputs, inputActivation.parameters);
      }
      const saved = new GuardedMatrix(dtype, rows, inputs, inputs + 3, values);
      const inputGradient = new GuardedMatrix(dtype, rows, inputs, inputs + 1);
      const sums = product(
        rows,
        inputs,
        units,
        (i, p) => delta.at(i, p),
        (p, j) => weights.at(j, p),
      );
      const error = sums.magnitudes.map((magnitude) => chain(units) * magnitude);
      const { values: expected, tolerance } = activationDeltas(
        inputActivation,
        dtype,
        rows,
        inputs,
        saved.dense(),
        sums.values,
        error,
        sums.magnitudes,
      );
      kernels.denseBackward({
        rows,
        inputs,
        units,
        delta: delta.data,
        ldd: delta.leadingDimension,
        weights: weights.data,
        ldw: weights.leadingDimension,
        ldx: saved.leadingDimension,
        saved: saved.data,
        inputActivation,
        inputGradient: inputGradient.data,
        ldg: inputGradient.leadingDimension,
      });
      for (const input of [delta, weights, saved]) input.checkUntouched(name);
      inputGradient.checkSurroundings(name);
      checkClose(name, inputGradient.dense(), expected, (e) => tolerance[e]);
      record(inputGradient.dense());
    }
  });

  it('backward to weights and bias, with an input gradient or without', () => {
    for (const [rows, inputs, units] of denseShapes) {
      const name = `${rows}×${inputs}×${units}`;
      const weights = new GuardedMatrix(dtype, inputs, units, units + 1, randomValues(inputs * units, 1));
      const delta = new GuardedMatrix(dtype, rows, units, units + 2, randomValues(rows * units, 2));
      const x = new GuardedMatrix(dtype, rows, inputs, inputs + 3, randomValues(rows * inputs, 3));
      for (const wantsInputGradient of [true, false]) {
        const weightGradient = new GuardedMatrix(dtype, inputs, units, units);
        const biasGradient = new GuardedMatrix(dtype, 1, units, units);
        const inputGradient = new GuardedMatrix(dtype, rows, inputs, inputs);
        kernels.denseBackward({
          rows,
          inputs,
          units,
          delta: delta.data,
          ldd: delta.leadingDimension,
          weights: weights.data,
          ldw: weights.leadingDimension,
          x: x.data,
          ldx: x.leadingDimension,
          inputGradient: wantsInputGradient ? inputGradient.data : undefined,
          ldg: inputs,
          weightGradient: weightGradient.data,
          biasGradient: biasGradient.data,
        });
        for (const input of [delta, weights, x]) input.checkUntouched(name);
        for (const result of [weightGradient, biasGradient, inputGradient]) result.checkSurroundings(name);
        const sums = product(
          inputs,
          units,
          rows,
          (i, p) => x.at(p, i),
          (p, j) => delta.at(p, j),
        );
        checkClose(name, weightGradient.dense(), sums.values, (e) => chain(rows) * sums.magnitudes[e]);
        const columns = product(
          1,
          units,
          rows,
          () => 1,
          (p, j) => delta.at(p, j),
        );
        checkClose(name, biasGradient.dense(), columns.values, (e) => chain(rows) * columns.magnitudes[e]);
        if (wantsInputGradient) {
          const back = product(
            rows,
            inputs,
            units,
            (i, p) => delta.at(i, p),
            (p, j) => weights.at(j, p),
          );
          checkClose(name, inputGradient.dense(), back.values, (e) => chain(units) * back.magnitudes[e]);
        }
        record(weightGradient.dense());
        record(biasGradient.dense());
      }
    }
  });
}
