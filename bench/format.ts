import CliTable from 'cli-table3';
import type { Spread } from './statistics.js';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function toConsole({ head, rows }: Table): string {
  const colAligns = head.map((_, i) => (i === 0 ? 'left' : 'right') as 'left' | 'right');
  const table = new CliTable({ head: [...head], colAligns, style: { head: [], border: [], compact: true } });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

export function toMarkdown({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Half of the distance between the quartiles, relative to the median; of one sample there is none. */
export function spread({ lower, upper, median }: Spread): string {
  return lower === upper ? '–' : percent((upper - lower) / 2 / median);
}

export function giga(operationsPerSecond: number): string {
  return (operationsPerSecond / 1e9).toFixed(1);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.01 ? 1 : 0)} %`;
}

/** With three digits: 19.7 is not 20. */
export function ratio(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ×`;
}

/** With how far it spreads. */
export function spreadRatio(spread_: Spread): string {
  const { median, lower, upper } = spread_;
  return lower === upper ? ratio(median) : `${ratio(median)} ± ${spread(spread_)}`;
}

/** With three digits at least, unless it is a whole number. */
export function count(value: number): string {
  return value < 100 && !Number.isInteger(value) ? value.toPrecision(3) : Math.round(value).toLocaleString('en-US');
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

export function microseconds(seconds: number): string {
  return count(1e6 * seconds);
}
