import type { EpochReport, FitOptions, Network } from 'chainrule';
import { Presets, SingleBar } from 'cli-progress';

/**
 * Callbacks of `fit` that show a bar per epoch with loss, accuracy and samples per second; one plain line per epoch where
 * stdout is not a terminal. Within an epoch the bar moves on the TypeScript backend only, whose batches take milliseconds:
 * on the native backend, coming back to JavaScript after each batch would slow down what is shown.
 */
export function showEpochs(
  network: Network,
  { epochs, rows, batchSize }: { epochs: number; rows: number; batchSize: number },
): Pick<FitOptions, 'onEpoch' | 'onBatch'> {
  const name = (epoch: number) => `epoch ${String(epoch + 1).padStart(String(epochs).length)}/${epochs}`;
  if (!process.stdout.isTTY) {
    return { onEpoch: (report) => console.log(`${name(report.epoch)}  ${figures(report, rows)}`) };
  }

  const options = { format: '{name} {bar} {figures}', barsize: 30, stream: process.stdout };
  const startBar = (epoch: number) => {
    const bar = new SingleBar(options, Presets.shades_classic);
    bar.start(rows, 0, { name: name(epoch), figures: '' });
    return bar;
  };
  let bar = startBar(0);
  return {
    onEpoch: (report) => {
      bar.update(rows, { figures: figures(report, rows) });
      bar.stop();
      if (report.epoch + 1 < epochs) bar = startBar(report.epoch + 1);
    },
    ...(network.backend.name === 'typescript' && {
      onBatch: ({ batch, loss }) => bar.update(batch * batchSize, { figures: `loss ${loss.toFixed(4)}` }),
    }),
  };
}

function figures({ loss, accuracy, seconds }: EpochReport, rows: number): string {
  const speed = Math.round(rows / seconds).toLocaleString('en-US');
  return `loss ${loss.toFixed(4)}  accuracy ${(100 * (accuracy ?? 0)).toFixed(2)} %  ${speed} samples/s`;
}
