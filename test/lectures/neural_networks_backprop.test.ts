import { expect, it } from 'vitest';
import {
  dense,
  fitRestarts,
  inverseTime,
  randomUniform,
  reciprocal,
  type ScheduleSpec,
  sgd,
  squaredError,
  tolerance,
} from '../../src/index.js';
import { describeLecture, expectWithin, forward, type Layer, layersOf } from '../support/lecture.js';

/**
 * Neural Networks, backprop: v_p[h] = σ(Σ_i ω[i,h] u_p[i]), ȳ_p = b + Σ_h x[h] v_p[h], L = ½ Σ_p (y_p − ȳ_p)², full-batch
 * steepest descent with step size μ.
 */
describeLecture('Neural Networks, backprop', (create, dtype, backend) => {
  const u = [
    [1, 0.5],
    [-0.5, 2],
    [0.25, -1],
    [-1, -0.5],
    [0.75, 1],
  ];
  const y = [0.5, 1, -0.25, 0, 0.75];
  const loss = squaredError({ half: true, reduction: 'sum' });
  const names: Layer['φ'][] = ['sigmoid', 'identity'];
  const specs = (range = 1) => {
    const kernelInitializer = randomUniform({ minimum: -range, maximum: range });
    return [
      dense(3, { activation: 'sigmoid', bias: false, kernelInitializer }),
      dense(1, { kernelInitializer, biasInitializer: kernelInitializer }),
    ];
  };

  interface Variables {
    readonly ω: number[][];
    readonly x: number[];
    readonly b: number;
  }

  /** The lecture's formulas, in double. */
  function derivatives({ ω, x, b }: Variables): Variables & { L: number } {
    const v = forward(u, [{ W: ω, φ: 'sigmoid' }]).A[1];
    const ȳ = v.map((row) => row.reduce((sum, value, h) => sum + x[h] * value, b));
    const sum = (term: (p: number) => number) => u.reduce((total, _, p) => total + term(p), 0);
    return {
      L: sum((p) => (y[p] - ȳ[p]) ** 2) / 2,
      b: -sum((p) => y[p] - ȳ[p]),
      x: x.map((_, h) => -sum((p) => (y[p] - ȳ[p]) * v[p][h])),
      ω: ω.map((row, i) => row.map((_, h) => -sum((p) => (y[p] - ȳ[p]) * x[h] * v[p][h] * (1 - v[p][h]) * u[p][i]))),
    };
  }

  function variables([hidden, output]: readonly Layer[]): Variables {
    return { ω: hidden.W, x: output.W.flat(), b: output.b![0] };
  }

  it('∂L/∂b, ∂L/∂x[h] and ∂L/∂ω[i,h] are the lecture’s', () => {
    const network = create({ inputs: 2, layers: specs(), seed: 5 });
    const wanted = derivatives(variables(layersOf(network, names)));
    const { loss: L, layers } = network.gradients({ x: u, y }, { loss });
    // Sums of five terms below 2, each with some ten roundings.
    expectWithin(dtype, 50, 10, [L], [wanted.L]);
    expectWithin(dtype, 50, 10, layers[0].weights, wanted.ω.flat());
    expectWithin(dtype, 50, 10, layers[1].weights, wanted.x);
    expectWithin(dtype, 50, 10, layers[1].bias, [wanted.b]);
  });

  const [A, B] = [2, 9];
  const steps: [string, ScheduleSpec | undefined, (m: number) => number][] = [
    ['a constant', undefined, () => 0.125],
    ['1/m', reciprocal(), (m) => 1 / m],
    ['A/(B+m)', inverseTime({ a: A, b: B }), (m) => A / (B + m)],
    ['a function of m', (m) => 0.5 ** m, (m) => 0.5 ** m],
  ];
  it.each(steps)('steepest descent with μ = %s', async (_, schedule, μ) => {
    const network = create({ inputs: 2, layers: specs(), seed: 5 });
    let now = variables(layersOf(network, names));
    const iterations = 12;
    for (let m = 1; m <= iterations; m++) {
      const d = derivatives(now);
      const rate = μ(m);
      now = {
        b: now.b - rate * d.b,
        x: now.x.map((value, h) => value - rate * d.x[h]),
        ω: now.ω.map((row, i) => row.map((value, h) => value - rate * d.ω[i][h])),
      };
    }
    const optimizer = sgd({ learningRate: 0.125 });
    // Twice six: the schedule goes on with the optimizer's state.
    for (const epochs of [6, 6]) {
      const history = await network.fit({ x: u, y }, { loss, optimizer, batchSize: 'full', epochs, schedule });
      expect(history.epochs).toHaveLength(6);
    }
    // Each iteration adds its fifty roundings to what the one before left, which the first step of 1/m, being far too
    // long for this function, may stretch by its curvature: Σ_p |∇ȳ_p|² < 5 · 8 here, for the steps that exceed 2 / 40.
    const stretch = [1, 2, 3].reduce((product, m) => product * Math.max(1, μ(m) * 5 * 8 - 1), 1);
    const trained = network.parameters();
    expectWithin(dtype, 50 * iterations * stretch, 10, trained[0].weights, now.ω.flat());
    expectWithin(dtype, 50 * iterations * stretch, 10, trained[1].weights, now.x);
    expectWithin(dtype, 50 * iterations * stretch, 10, trained[1].bias, [now.b]);
  });

  it('stops when the loss changes by less than a tolerance', async () => {
    const network = create({ inputs: 2, layers: specs(), seed: 5 });
    const change = 1e-3;
    const { epochs, stoppedBy } = await network.fit(
      { x: u, y },
      { loss, optimizer: sgd({ learningRate: 0.1 }), batchSize: 'full', epochs: 5000, stop: [tolerance({ change })] },
    );
    expect(stoppedBy).toBe('tolerance');
    const changes = epochs.slice(1).map((epoch, i) => Math.abs(epoch.loss - epochs[i].loss));
    expect(changes.pop()).toBeLessThan(change);
    for (const earlier of changes) expect(earlier).toBeGreaterThanOrEqual(change);
    const short = { loss, optimizer: sgd({ learningRate: 0.1 }), batchSize: 'full', epochs: 2, reset: true } as const;
    expect((await network.fit({ x: u, y }, short)).stoppedBy).toBe('epochs');
  });

  it('several runs from different random starting points and ranges, the best kept', async () => {
    const fit = { loss, optimizer: sgd({ learningRate: 0.1 }), batchSize: 'full', epochs: 50 } as const;
    const before = process.env.CHAINRULE_ISA;
    if (backend.name === 'native') process.env.CHAINRULE_ISA = backend.isa;
    try {
      for (const range of [0.1, 1, 3]) {
        const options = { inputs: 2, layers: specs(range), dtype, backend: backend.name } as const;
        const { network, loss: least, runs } = await fitRestarts(options, { x: u, y }, fit, { restarts: 6 });
        expect(network.backend.isa).toBe(backend.isa);
        expect(runs).toHaveLength(6);
        expect(new Set(runs.map((run) => run.loss)).size).toBe(6);
        expect(least).toBe(Math.min(...runs.map((run) => run.loss)));
        expect((await network.evaluate({ x: u, y }, { loss })).loss).toBe(least);
        network.dispose();
      }
    } finally {
      if (before === undefined) delete process.env.CHAINRULE_ISA;
      else process.env.CHAINRULE_ISA = before;
    }
  });
});
