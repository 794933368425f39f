import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = dirname(import.meta.dirname);
const tsx = createRequire(import.meta.url).resolve('tsx/cli');

/** Runs an example on the sources, as a reader runs it on the built package; its lines. */
async function run(name: string): Promise<string[]> {
  const script = [tsx, '--tsconfig', join(root, 'examples', 'tsconfig.json'), join(root, 'examples', `${name}.ts`)];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: root });
  return stdout.trim().split('\n');
}

/** The number behind a word in a line. */
const figure = (line: string, word: string): number => Number(new RegExp(`${word} ([\\d.]+)`).exec(line)?.[1]);

describe('examples', () => {
  it('xor.ts learns online and by batch', async () => {
    const lines = await run('xor');
    expect(lines).toHaveLength(10);
    for (const [at, name] of [
      [0, 'online'],
      [5, 'batch'],
    ] as const) {
      expect(lines[at]).toContain(`${name} learning`);
      expect(figure(lines[at], 'epoch')).toBeLessThanOrEqual(2000);
      const outputs = lines.slice(at + 1, at + 5).map((line) => Number(line.split('=')[1]));
      expect(outputs.map((output) => output > 0.5)).toEqual([false, true, true, false]);
    }
  });

  it('perceptron.ts: the rule converges where a line parts the classes, and is beaten where none does', async () => {
    const [apart, rule, logistic, overlapping, lostRule, better] = await run('perceptron');
    expect([apart, overlapping]).toEqual(['two classes, apart:', 'two classes, overlapping:']);
    expect(rule).toMatch(/perceptron: converged in epoch \d+, accuracy 1\.000/);
    expect(figure(logistic, 'accuracy')).toBe(1);
    expect(lostRule).toContain('not converged after 200 epochs');
    expect(figure(better, 'accuracy')).toBeGreaterThan(figure(lostRule, 'accuracy'));
  });

  it('choosing.ts: a hidden layer is chosen, and right about at least nine in ten new irises', async () => {
    const lines = await run('choosing');
    expect(lines).toHaveLength(5);
    const trials = lines
      .slice(0, 4)
      .map((line) => ({ entropy: figure(line, 'entropy'), chosen: line.endsWith('chosen') }));
    const [chosen, ...others] = trials.filter((trial) => trial.chosen);
    expect(others).toEqual([]);
    expect(chosen.entropy).toBe(Math.min(...trials.map(({ entropy }) => entropy)));
    expect(trials[0].chosen).toBe(false);
    expect(figure(lines[4], 'seen:')).toBeGreaterThanOrEqual(0.9);
  });
});
