import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('..', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'chainrule-package-'));

const programs = {
  module: "import { Network, dense } from 'chainrule';",
  commonjs: "const { Network, dense } = require('chainrule');",
};
const program = `
const network = new Network({ inputs: 2, layers: [dense(1)], seed: 1 });
network.predictSync([[1, 2]]);
console.log(JSON.stringify(network.backend));`;

function backendIn(folder: string, format: keyof typeof programs): { name: string; reason: string } {
  const options = [`--input-type=${format}`, '--eval', programs[format] + program];
  const env = { ...process.env, CHAINRULE_BACKEND: '', CHAINRULE_ISA: '' };
  return JSON.parse(execFileSync(process.execPath, options, { cwd: folder, env, encoding: 'utf8' }));
}

/** What `npm install --ignore-scripts` leaves where no prebuilt binary fits: the built package and no binary. */
beforeAll(async () => {
  await build({ outDir: join(root, 'dist'), dts: false, sourcemap: false, silent: true });
  cpSync(join(repository, 'package.json'), join(root, 'package.json'));
});

afterAll(() => rmSync(root, { recursive: true }));

describe.each(['module', 'commonjs'] as const)('the built package as %s', (format) => {
  it('runs on TypeScript without a binary, and says why', () => {
    const { name, reason } = backendIn(root, format);
    expect(name).toBe('typescript');
    expect(reason).toContain('no binary at');
  });

  it('runs natively with one', () => {
    cpSync(join(repository, 'build/Release/chainrule.node'), join(root, 'build/Release/chainrule.node'));
    try {
      expect(backendIn(root, format).name).toBe('native');
    } finally {
      rmSync(join(root, 'build'), { recursive: true });
    }
  });
});

it("runs the README's example", () => {
  const example = /```ts\n(.*?)```/s.exec(readFileSync(join(repository, 'README.md'), 'utf8'))![1]!;
  // As JavaScript: the example has no type annotations.
  const options = ['--input-type=module', '--eval', example];
  const output = execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' });
  expect(output).toContain('epoch: 499,');
  expect(output).toContain('4 1 Float32Array(4)');
});
