import type { LayerPlan, Plan } from './backend/backend.js';
import type { BackendReport } from './network.js';
import { parameterCount } from './parameters.js';

/** A network as a table for people. */
export function summarize({ layers, inputs, dtype }: Plan, backend: BackendReport): string {
  const total = layers.reduce((sum, layer) => sum + parameterCount(layer), 0);
  const rows = [
    ['layer', 'outputs', 'parameters'],
    ['inputs', grouped(inputs), ''],
    ...layers.map((layer) => [describeLayer(layer), grouped(layer.units), grouped(parameterCount(layer))]),
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
  switch (layer.kind) {
    case 'dense':
    case 'activation':
      return `${layer.kind}, ${layer.activation.name}`;
    case 'dropout':
      return `dropout, ${layer.rate}`;
    default:
      return layer.kind;
  }
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
