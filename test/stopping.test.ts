import { describe, expect, it } from 'vitest';
import { dense, type EpochReport, earlyStopping, type FitOptions, type Network, sgd, tolerance } from '../src/index.js';
import { allParameters, backends, createNetwork } from './support/api.js';

describe.each(backends)('stop rules on %s', (_, backend) => {
  const create = (weight = 0): Network =>
    createNetwork(backend, {
      inputs: 1,
      layers: [dense(1, { kernelInitializer: [weight], bias: false })],
      dtype: 'float64',
    });
  const data = { x: [1], y: [1] };
  const options: FitOptions = {
    loss: 'meanSquaredError',
    optimizer: sgd({ learningRate: 0.25 }),
    batchSize: 'full',
    epochs: 100,
  };

  it('tolerance ends where the loss changes by less', async () => {
    // The error halves with each update, so the loss is 4^−epoch and changes by 3·4^−epoch.
    const { epochs, stoppedBy } = await create().fit(data, { ...options, stop: [tolerance({ change: 0.01 })] });
    expect(stoppedBy).toBe('tolerance');
    expect(epochs.map(({ loss }) => loss)).toEqual([0, 1, 2, 3, 4, 5].map((epoch) => 4 ** -epoch));
  });

  it('a fit that no rule ends is ended by its epochs', async () => {
    const { stoppedBy, epochs } = await create().fit(data, {
      ...options,
      epochs: 5,
      stop: [tolerance({ change: 1e-9 }), earlyStopping({ patience: 2 })],
    });
    expect([stoppedBy, epochs.length]).toEqual(['epochs', 5]);
  });

  it('the first rule of the list that holds names the end', async () => {
    const still = { ...options, optimizer: sgd({ learningRate: 0 }) };
    const both = [earlyStopping({ patience: 1 }), tolerance({ change: 1 })];
    expect((await create().fit(data, { ...still, stop: both })).stoppedBy).toBe('earlyStopping');
    expect((await create().fit(data, { ...still, stop: both.toReversed() })).stoppedBy).toBe('tolerance');
  });

  it.each([0, 1, 3])('earlyStopping ends after %i epochs without progress', async (patience) => {
    const still = { ...options, optimizer: sgd({ learningRate: 0 }) };
    const { stoppedBy, epochs } = await create().fit(data, { ...still, stop: [earlyStopping({ patience })] });
    expect([stoppedBy, epochs.length]).toEqual(['earlyStopping', 1 + Math.max(1, patience)]);
  });

  it('earlyStopping wants progress of more than minDelta', async () => {
    // Progress is 0.75, 0.1875, 0.047 …
    const stop = [earlyStopping({ patience: 1, minDelta: 0.1 })];
    expect((await create().fit(data, { ...options, stop })).epochs).toHaveLength(4);
  });

  // Trained towards 1 while the validation wants 0.6: its loss falls until 0.5 and rises from 0.75 on.
  const validated: FitOptions = { ...options, validation: { x: [1], y: [0.6] } };

  it('earlyStopping looks at the validation’s loss where there is one, or at what it is told to', async () => {
    const { stoppedBy, epochs, best } = await create().fit(data, { ...validated, stop: [earlyStopping()] });
    expect([stoppedBy, epochs.length, best!.epoch]).toEqual(['earlyStopping', 2, 0]);
    const onTraining = { ...validated, epochs: 6, stop: [earlyStopping({ monitor: 'loss' })] };
    expect((await create().fit(data, onTraining)).stoppedBy).toBe('epochs');
    const metrics = ['meanAbsoluteError', 'rSquared'] as const;
    const named = { ...validated, metrics, stop: [earlyStopping({ monitor: 'validation.meanAbsoluteError' })] };
    expect((await create().fit(data, named)).epochs).toHaveLength(2);
  });

  it('more of a score is better', async () => {
    const rows = { x: [1, -1, 2, -2], y: [1, 0, 1, 0] };
    const stop = [earlyStopping({ monitor: 'accuracy', patience: 1, restoreBest: true })];
    const network = create(-1); // all wrong; the update turns it round
    const learning: FitOptions = { ...options, loss: 'meanSquaredError', metrics: ['accuracy'], stop };
    const { epochs } = await network.fit(rows, learning);
    const accuracies = epochs.map(({ accuracy }) => accuracy!);
    expect(accuracies.at(-1)!).toBeLessThanOrEqual(accuracies.at(-2)!);
    expect(Math.max(...accuracies)).toBeGreaterThan(accuracies[0]);
  });

  it('restoreBest leaves the parameters of the best epoch, also after the last one', async () => {
    const seen: number[][] = [];
    const runs: Partial<FitOptions>[] = [{}, { epochs: 3 }];
    for (const run of runs) {
      const network = create();
      seen.length = 0;
      const { best } = await network.fit(data, {
        ...validated,
        ...run,
        stop: [earlyStopping({ patience: 5, restoreBest: true })],
        onEpoch: (_report: EpochReport) => void seen.push(allParameters(network)),
      });
      expect(best!.epoch).toBe(0);
      expect(allParameters(network)).toEqual([0.5]);
      expect(seen.at(-1)).not.toEqual([0.5]);
    }
  });

  it('an aborted fit keeps its last update', async () => {
    const network = create();
    const controller = new AbortController();
    const { stoppedBy } = await network.fit(data, {
      ...validated,
      stop: [earlyStopping({ patience: 50, restoreBest: true })],
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 1) controller.abort();
      },
    });
    expect(stoppedBy).toBe('signal');
    expect(allParameters(network)).toEqual([0.75]);
  });
});
