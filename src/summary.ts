import type { LayerPlan, Plan } from './backend/backend.js';
import type { BackendReport } from './network.js';

/** A network as a table for people. */
export function summarize({ layers, inputs, dtype }: Plan, backend: BackendReport): string {
  const count = (layer: LayerPlan): number =>
    layer.kind === 'dense' ? (layer.inputs + Number(layer.bias)) * layer.units : 0;
  const total = layers.reduce((sum, layer) => sum + count(layer), 0);
  const rows = [
    ['layer', 'outputs', 'parameters'],
    ['inputs', grouped(inputs), ''],
    ...layers.map((layer) => [describeLayer(layer), grouped(layer.units), grouped(count(layer))]),
    ['total', '', grouped(total)],
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
  const table = rows.map(
    ([layer, outputs, parameters]) =>
      `${layer.padEnd(widths[0])}  ${outputs.padStart(widths[1])}  ${parameters.padStart(widths[2])}`,
  );
  const threads = `${backend.threads} ${backend.threads === 1 ? 'thread' : 'threads'}`;
  const isa = backend.name === 'native' ? ` (${backend.isa})` : '';
  return [...table, `${dtype}, ${backend.name} backend${isa}, ${threads}`].join('\n');
}

function describeLayer(layer: LayerPlan): string {
  return layer.kind === 'dense' ? `dense, ${layer.activation.name}` : `dropout, ${layer.rate}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
