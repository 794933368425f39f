import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { availableBackends } from '../src/backend/select.js';

const program = fileURLToPath(new URL('support/worker_programs.ts', import.meta.url));

function run(name: string): { status: number | null; signal: string | null; output: string } {
  const options = ['--expose-gc', '--import', 'tsx', program, name];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
  return { status, signal, output: stdout.trim() + stderr.trim() };
}

const hasNative = availableBackends().some((backend) => backend.name === 'native');

describe.runIf(hasNative)('native work in workers and at exit', () => {
  it('gives the same bits in workers, side by side', () => {
    expect(run('sideBySide')).toEqual({ status: 0, signal: null, output: '1' });
  });

  it('survives workers terminated while they train', () => {
    expect(run('terminatedWhileTraining')).toEqual({ status: 0, signal: null, output: 'still training' });
  });

  it('multiplies in workers that end or are terminated, on threads of their own', () => {
    expect(run('productsInWorkers')).toEqual({ status: 0, signal: null, output: '1' });
  });

  it('lets the process exit while it trains', () => {
    expect(run('exitWhileTraining')).toEqual({ status: 7, signal: null, output: '' });
  });

  it('keeps the process alive until it has ended', () => {
    expect(run('nothingElseToDo')).toEqual({ status: 0, signal: null, output: '5' });
  });

  it('goes on where its network is no longer reachable', () => {
    expect(run('collectedWhileTraining')).toEqual({ status: 0, signal: null, output: '' });
  });
});
