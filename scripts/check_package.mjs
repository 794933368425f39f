// Packs chainrule, installs the tarball into empty projects, and uses it there from ESM, CommonJS and strict TypeScript:
// with install scripts, without them, and with them but without a compiler.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), 'chainrule-package-'));
const run = (command, args, cwd, env = process.env) => execFileSync(command, args, { cwd, env, encoding: 'utf8' });

const program = `
const network = new Network({ inputs: 2, layers: [dense(3, { activation: 'tanh' }), dense(1)], seed: 1 });
const { rows, columns } = network.predictSync([[1, 2], [3, 4]]);
if (rows !== 2 || columns !== 1) throw new Error('wrong shape');
try {
  gemm({ m: 1, n: 1, k: 1, a: [1], b: [1], c: [1] });
  throw new Error('an array was taken for a typed array');
} catch (error) {
  if (!(error instanceof ChainruleError)) throw error;
}
const c = new Float64Array(1);
gemm({ m: 1, n: 1, k: 2, a: Float64Array.of(1, 2), b: Float64Array.of(3, 4), c });
if (c[0] !== 11) throw new Error('wrong product');
readCsv(Buffer.from('a,b\\n1,2')).then((table) => {
  if (!(table instanceof Matrix) || table.data[1] !== 2) throw new Error('wrong table');
  console.log(JSON.stringify(network.backend));
});
`;
const imports = [
  ['ChainruleError, Matrix, Network, dense', 'chainrule'],
  ['readCsv', 'chainrule/data'],
  ['gemm', 'chainrule/kernels'],
];
const typedProgram = `
import { ChainruleError, type History, Network, dense } from 'chainrule';
import { blobs, type CsvTable, readCsv } from 'chainrule/data';
import { type GemmOptions, gemm } from 'chainrule/kernels';
const network = new Network({ inputs: 2, layers: [dense(1)], seed: 1 });
export const history: Promise<History> = network.fit({ x: [[1, 2]], y: [[1]] }, { loss: 'meanSquaredError', optimizer: 'sgd' });
export const name: 'native' | 'typescript' = network.backend.name;
export const isOurs = (error: unknown): boolean => error instanceof ChainruleError && error.code === 'BUSY';
export const table: Promise<CsvTable> = readCsv('file.csv');
export const options: GemmOptions = { m: 0, n: 0, k: 0, a: blobs().x.data, b: blobs().x.data, c: new Float32Array(0) };
gemm(options);
// @ts-expect-error: inputs is a number
new Network({ inputs: 'two', layers: [] });
`;

/** A PATH on which there is node, npm and a shell, and no compiler, make or python. */
function pathWithoutCompiler() {
  const folder = join(work, 'bin');
  mkdirSync(folder);
  for (const name of ['node', 'npm', 'sh']) symlinkSync(run('which', [name]).trim(), join(folder, name));
  return folder;
}

function check(name, expectedBackend, installArguments, env) {
  const project = join(work, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name, private: true }));
  const output = run('npm', ['install', '--no-audit', '--no-fund', ...installArguments, tarball], project, env);
  const esm = imports.map(([names, from]) => `import { ${names} } from '${from}';`);
  const commonJs = imports.map(([names, from]) => `const { ${names} } = require('${from}');`);
  writeFileSync(join(project, 'main.mjs'), `${esm.join('\n')}${program}`);
  writeFileSync(join(project, 'main.cjs'), `${commonJs.join('\n')}${program}`);
  for (const file of ['main.mjs', 'main.cjs']) {
    const backend = JSON.parse(run(process.execPath, [file], project));
    if (backend.name !== expectedBackend || !backend.reason) {
      throw new Error(`expected the ${expectedBackend} backend for ${name}/${file}, got ${JSON.stringify(backend)}`);
    }
    console.log(`${name}/${file}: ${JSON.stringify(backend)}`);
  }
  for (const file of ['typed.mts', 'typed.cts']) {
    writeFileSync(join(project, file), typedProgram);
  }
  // No @types/node, and no --skipLibCheck: the types must stand alone.
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
  run(join(root, 'node_modules', '.bin', 'tsc'), [...options, 'typed.mts', 'typed.cts'], project);
  console.log(`${name}: types compile from ESM and CommonJS`);
  return output;
}

// The build is done before: its output would mix with the JSON.
const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root));
const tarball = join(work, filename);
try {
  check('scripts', 'native', []);
  check('ignored-scripts', 'typescript', ['--ignore-scripts']);
  const output = check('no-compiler', 'typescript', ['--foreground-scripts'], {
    ...process.env,
    PATH: pathWithoutCompiler(),
  });
  if (!output.includes('chainrule: the TypeScript backend will be used'))
    throw new Error(`expected a note, got ${output}`);
} finally {
  rmSync(work, { recursive: true });
}
