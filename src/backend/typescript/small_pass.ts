import type { FloatArray } from '../backend.js';
import { type Batch, type BatchReader, gather } from './batch_reader.js';
import type { Parameter } from './layers/parameter.js';
import { lossRows } from './loss_rows.js';
import { bufferLength, rowsAtOnce, type SmallLayer, type SmallStack } from './small_stack.js';

export const smallPass = createPass();

/**
 * The pass through small stacks. Arrays that are made once, and used by functions that are made once, V8 takes for constants: it compiles
 * their addresses and lengths into the code, where it would otherwise find and check them anew at each step of a loop. So all networks
 * share these buffers, and nothing in them outlives a pass; each function names what it uses of them at its top, since V8 does not see
 * through the name of a constant within a loop; and `forward` has its product within, being then so long that V8 compiles it on its own,
 * with room for the loops of the activations.
 *
 * The products are those of small_products.ts, which take their arrays as arguments: a batch of a tiny network would take a sixth longer
 * with them. Every element is the same sum in double, in the same sequence. `| 0` is for V8, as in gemm.ts.
 */
function createPass() {
  // What each layer makes, (rows, units), is at the same place in all of them; the inputs of the first stand among the outputs.
  const sums = new Float32Array(bufferLength);
  const outputs = new Float32Array(bufferLength);
  const deltas = new Float32Array(bufferLength);
  // The module's own is a variable once it is bundled.
  const rowsTogether = rowsAtOnce;

  return { outputs, run };

  /**
   * Rows `firstRow` to `firstRow + rows` of a batch forward and back: their gradients replace what there was if they are its first, or are
   * added. Returns `sum` and the rows' losses; where that is not finite, there is no pass back. Leaves the outputs at the front of `outputs`.
   */
  function run(
    { layers }: SmallStack,
    { values, gradient }: Parameter,
    { samples, order, from, loss, divisor }: Batch,
    firstRow: number,
    rows: number,
    reader: BatchReader,
    sum: number,
  ): number {
    const { inputs, inputFrom } = layers[0];
    const { units } = layers[layers.length - 1];
    gather(samples.x, inputs, order, from + firstRow, rows, outputs, inputFrom);
    reader.readTargets(samples, order, from + firstRow, rows);
    forward(layers, values, rows);
    const prediction = loss.onPreActivation ? sums : outputs;
    const losses = lossRows(loss, prediction, reader.targets, reader.weights, rows, units, divisor, deltas, sum);
    if (Number.isFinite(losses)) backward(layers, values, gradient, rows, loss.onPreActivation, firstRow > 0);
    return losses;
  }

  /** sums = x·W + 1·bias and outputs = φ(sums), layer by layer. */
  function forward(layers: readonly SmallLayer[], values: FloatArray, rows: number): void {
    const x = outputs; // (rows, inputs)
    const z = sums; // (rows, units)
    for (let l = 0; l < layers.length; l++) {
      const { inputs, units, bias, activation, activationParameters, weightsFrom, inputFrom, outputFrom } = layers[l];
      const biasFrom = (weightsFrom + inputs * units) | 0;
      let row = 0;
      let xFrom = inputFrom;
      let sumsFrom = outputFrom;
      for (; row + rowsTogether <= rows; row += rowsTogether) {
        const end = (xFrom + inputs) | 0;
        for (let j = 0; j < units; j++) {
          let sum0 = bias === true ? values[(biasFrom + j) | 0] : 0;
          let sum1 = sum0;
          let sum2 = sum0;
          let sum3 = sum0;
          let from = (weightsFrom + j) | 0;
          for (let first = xFrom; first < end; first++) {
            const weight = values[from];
            from = (from + units) | 0;
            let at = first;
            sum0 += x[at] * weight;
            at = (at + inputs) | 0;
            sum1 += x[at] * weight;
            at = (at + inputs) | 0;
            sum2 += x[at] * weight;
            at = (at + inputs) | 0;
            sum3 += x[at] * weight;
          }
          let to = (sumsFrom + j) | 0;
          z[to] = sum0;
          to = (to + units) | 0;
          z[to] = sum1;
          to = (to + units) | 0;
          z[to] = sum2;
          to = (to + units) | 0;
          z[to] = sum3;
        }
        xFrom = (xFrom + rowsTogether * inputs) | 0;
        sumsFrom = (sumsFrom + rowsTogether * units) | 0;
      }
      for (; row < rows; row++) {
        for (let j = 0; j < units; j++) {
          let sum = bias === true ? values[(biasFrom + j) | 0] : 0;
          for (let p = 0; p < inputs; p++) sum += x[(xFrom + p) | 0] * values[(weightsFrom + p * units + j) | 0];
          z[(sumsFrom + j) | 0] = sum;
        }
        xFrom = (xFrom + inputs) | 0;
        sumsFrom = (sumsFrom + units) | 0;
      }
      const atOnce = activation.rowwise ? units : (rows * units) | 0;
      for (let from = outputFrom; from < sumsFrom; from = (from + atOnce) | 0) {
        activation.forward(z, from, x, from, atOnce, activationParameters);
      }
    }
  }

  /** Gradients from the last layer's `deltas`, which come in as ∂L/∂outputs or, `ofPreActivation`, as ∂L/∂sums. */
  function backward(
    layers: readonly SmallLayer[],
    values: FloatArray,
    gradient: Float64Array,
    rows: number,
    ofPreActivation: boolean,
    accumulate: boolean,
  ): void {
    const delta = deltas;
    const ofOutput = outputs;
    const ofSums = sums;
    for (let l = layers.length - 1; l >= 0; l--) {
      const layer = layers[l];
      const { units, outputFrom, activation, activationParameters } = layer;
      if (!ofPreActivation || l < layers.length - 1) {
        const saved = activation.saves === 'output' ? ofOutput : ofSums;
        const end = (outputFrom + rows * units) | 0;
        const atOnce = activation.rowwise ? units : (rows * units) | 0;
        for (let from = outputFrom; from < end; from = (from + atOnce) | 0) {
          activation.backward(saved, from, delta, from, delta, from, atOnce, activationParameters);
        }
      }
      multiplyColumns(layer, gradient, rows, accumulate);
      if (l > 0) multiplyBack(layer, values, rows);
    }
  }

  /** The gradients of weights and bias: xᵀ·δ and 1ᵀ·δ. */
  function multiplyColumns(
    { inputs, units, bias, weightsFrom, inputFrom, outputFrom }: SmallLayer,
    gradient: Float64Array,
    rows: number,
    accumulate: boolean,
  ): void {
    const x = outputs; // (rows, inputs)
    const d = deltas; // (rows, units)
    const biasFrom = (weightsFrom + inputs * units) | 0;
    let isStarted = accumulate;
    let row = 0;
    let xFrom = inputFrom;
    let deltaFrom = outputFrom;
    for (; row + rowsTogether <= rows; row += rowsTogether) {
      const end = (xFrom + inputs) | 0;
      for (let j = 0; j < units; j++) {
        let from = (deltaFrom + j) | 0;
        const delta0 = d[from];
        from = (from + units) | 0;
        const delta1 = d[from];
        from = (from + units) | 0;
        const delta2 = d[from];
        from = (from + units) | 0;
        const delta3 = d[from];
        if (bias === true) {
          const at = (biasFrom + j) | 0;
          gradient[at] = (isStarted === true ? gradient[at] : 0) + delta0 + delta1 + delta2 + delta3;
        }
        let to = (weightsFrom + j) | 0;
        for (let first = xFrom; first < end; first++) {
          let sum = isStarted === true ? gradient[to] : 0;
          let at = first;
          sum += x[at] * delta0;
          at = (at + inputs) | 0;
          sum += x[at] * delta1;
          at = (at + inputs) | 0;
          sum += x[at] * delta2;
          at = (at + inputs) | 0;
          sum += x[at] * delta3;
          gradient[to] = sum;
          to = (to + units) | 0;
        }
      }
      isStarted = true;
      xFrom = (xFrom + rowsTogether * inputs) | 0;
      deltaFrom = (deltaFrom + rowsTogether * units) | 0;
    }
    for (; row < rows; row++) {
      for (let j = 0; j < units; j++) {
        const delta = d[(deltaFrom + j) | 0];
        if (bias === true) {
          const at = (biasFrom + j) | 0;
          gradient[at] = (isStarted === true ? gradient[at] : 0) + delta;
        }
        for (let i = 0; i < inputs; i++) {
          const to = (weightsFrom + i * units + j) | 0;
          gradient[to] = (isStarted === true ? gradient[to] : 0) + x[(xFrom + i) | 0] * delta;
        }
      }
      isStarted = true;
      xFrom = (xFrom + inputs) | 0;
      deltaFrom = (deltaFrom + units) | 0;
    }
  }

  /** The gradient of the input: δ·Wᵀ. */
  function multiplyBack(
    { inputs, units, weightsFrom, inputFrom, outputFrom }: SmallLayer,
    values: FloatArray,
    rows: number,
  ): void {
    const d = deltas; // (rows, units), and (rows, inputs)
    let row = 0;
    let deltaFrom = outputFrom;
    let gradientFrom = inputFrom;
    for (; row + rowsTogether <= rows; row += rowsTogether) {
      const end = (deltaFrom + units) | 0;
      let from = weightsFrom;
      for (let i = 0; i < inputs; i++) {
        let sum0 = 0;
        let sum1 = 0;
        let sum2 = 0;
        let sum3 = 0;
        for (let first = deltaFrom; first < end; first++) {
          const weight = values[from];
          from = (from + 1) | 0;
          let at = first;
          sum0 += d[at] * weight;
          at = (at + units) | 0;
          sum1 += d[at] * weight;
          at = (at + units) | 0;
          sum2 += d[at] * weight;
          at = (at + units) | 0;
          sum3 += d[at] * weight;
        }
        let to = (gradientFrom + i) | 0;
        d[to] = sum0;
        to = (to + inputs) | 0;
        d[to] = sum1;
        to = (to + inputs) | 0;
        d[to] = sum2;
        to = (to + inputs) | 0;
        d[to] = sum3;
      }
      deltaFrom = (deltaFrom + rowsTogether * units) | 0;
      gradientFrom = (gradientFrom + rowsTogether * inputs) | 0;
    }
    for (; row < rows; row++) {
      let from = weightsFrom;
      for (let i = 0; i < inputs; i++) {
        let sum = 0;
        for (let j = 0; j < units; j++) {
          sum += d[(deltaFrom + j) | 0] * values[from];
          from = (from + 1) | 0;
        }
        d[(gradientFrom + i) | 0] = sum;
      }
      deltaFrom = (deltaFrom + units) | 0;
      gradientFrom = (gradientFrom + inputs) | 0;
    }
  }
}
