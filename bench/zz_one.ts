import { loadAddon } from '../src/backend/load.js';
import { createNativeBackend, type Addon } from '../src/backend/native.js';
import { gemmShapes } from './shapes.js';
const goal1 = [99,100,100,98,91,93,94,99,100,97,95,98,90,88,92,58,84,72];
const goal2 = [59,89,95,96,93,93,92,0,92,96,94,95,93,92,89,49,55,47];
const addon = loadAddon().addon as Addon;
const isa = process.env.ISA ?? 'avx512';
const kernels = createNativeBackend(addon, isa).kernels('float32');
const threads = Number(process.argv[2] ?? 1);
const filter = process.argv.slice(3);
const shapes = gemmShapes.filter((s) => filter.length ? filter.some((f) => s.name.includes(f)) : !s.name.startsWith('4096'));
const cpu = () => { if (threads > 1) return performance.now() / 1000; const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
const peak = () => { const t = cpu(); const o = addon.peak(isa, 'float32', 60000); return o / (cpu() - t); };
peak();
const out: string[] = [];
for (const s of shapes) {
  const { m, n, k, transposeA, transposeB } = s;
  const a = new Float32Array(m * k).map(Math.random), b = new Float32Array(k * n).map(Math.random), c = new Float32Array(m * n);
  const args = { m, n, k, a, b, c, transposeA, transposeB, accumulate: false, threads };
  const ld = { lda: transposeA ? m : k, ldb: transposeB ? k : n, ldc: n };
  const full = { ...args, ...ld }; const run = (calls: number) => { const t = cpu(); for (let i = 0; i < calls; i++) kernels.gemm(full); return cpu() - t; };
  run(3);
  const flops = 2 * m * n * k;
  const calls = Math.max(1, Math.round(1e9 / flops));
  const ratios: number[] = [];
  for (let r = 0; r < (flops > 4e9 ? 5 : 15); r++) {
    const p1 = peak();
    const v = flops * calls / run(calls);
    const p2 = peak();
    ratios.push(v / ((p1 + p2) / 2) / threads);
  }
  ratios.sort((x, y) => x - y);
  const i = gemmShapes.indexOf(s);
  const goal = (threads === 1 ? goal1 : goal2)[i];
  const median = 100 * ratios[ratios.length >> 1], good = 100 * ratios[Math.floor(ratios.length * 0.8)];
  console.log(s.name.padEnd(26), median.toFixed(1).padStart(6), good.toFixed(1).padStart(6), ' goal', goal, ' share', (100 * median / goal).toFixed(0), '%');
}
