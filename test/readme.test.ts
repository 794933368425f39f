import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { activations } from '../src/activations.js';
import * as data from '../src/data/index.js';
import * as index from '../src/index.js';
import { initializers } from '../src/initializers.js';
import * as kernels from '../src/kernels.js';
import { losses } from '../src/losses.js';
import { metrics } from '../src/metrics.js';
import { optimizers } from '../src/optimizers.js';
import { schedules } from '../src/schedules.js';

const root = dirname(import.meta.dirname);
const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('the table of names and tests', () => {
  const rows = [...readme.matchAll(/^\| .* \| (`.*`) \| (\[.*\)) \|$/gm)].map(([, names, files]) => ({
    names: [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    files: [...files.matchAll(/\]\(([^)]+)\)/g)].map(([, file]) => file),
  }));

  it.each(rows.map(({ names, files }) => [names.join(' '), names, files] as const))('%s', (_, names, files) => {
    const texts = files.map((file) => readFileSync(join(root, file), 'utf8'));
    for (const name of names) {
      const word = new RegExp(`(?<!\\w)${name.replace('.', '\\.')}(?!\\w)`);
      expect(
        texts.some((text) => word.test(text)),
        `${name} in ${files.join(' or ')}`,
      ).toBe(true);
    }
  });

  it('has every name of the registries, and every function and class that is exported', () => {
    const registries = [activations, initializers, losses, metrics, optimizers, schedules];
    // Types of what data functions return; they come with the function.
    const returned = ['CsvTable', 'RegressionData', 'ShapedMatrix', 'Standardized'];
    const wanted = [...registries, index, data, kernels]
      .flatMap(Object.keys)
      .filter((name) => !returned.includes(name));
    const listed = new Set(rows.flatMap(({ names }) => names));
    expect(wanted.filter((name) => !listed.has(name))).toEqual([]);
  });
});

describe('the programs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-readme-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const tsx = createRequire(import.meta.url).resolve('tsx/cli');
  const programs = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program]) => program);

  /** Runs a program of the README on the sources; what it prints. */
  async function run(number: number): Promise<string> {
    const file = join(folder, `${number}.mts`);
    writeFileSync(file, programs[number]);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [tsx, '--tsconfig', 'examples/tsconfig.json', file],
      {
        cwd: root,
      },
    );
    return stdout;
  }

  it('are the five that are run here', () => expect(programs).toHaveLength(5));

  it('XOR', async () => {
    expect(await run(0)).toMatch(/accuracy: 1[\s,][\s\S]*\n4 1 Float32Array\(4\)/);
  });

  it('spirals', async () => {
    const printed = await run(1);
    expect(printed).toMatch(/^(earlyStopping|epochs) \{/);
    const accuracies = [...printed.matchAll(/accuracy: ([\d.]+)/g)].map(([, accuracy]) => Number(accuracy));
    expect(accuracies).toHaveLength(2);
    for (const accuracy of accuracies) expect(accuracy).toBeGreaterThan(0.9);
  });

  it('a loop of one’s own', async () => {
    const [output, ...parameters] = (await run(2)).trim().split('\n');
    expect(Number(output)).toBeCloseTo(5, 3);
    expect(parameters.join('')).toMatch(/weights: Float64Array\(2\).*bias: Float64Array\(1\)/);
  });

  it('a search', async () => {
    expect(await run(3)).toMatch(/^6 \{ batchSize: (8|32) \} \{ loss: [\d.]+, accuracy: [\d.]+ \}\n$/);
  });

  it('a product', async () => {
    expect(await run(4)).toBe('Float32Array(4) [ 4, 5, 10, 11 ]\n');
  });
});
