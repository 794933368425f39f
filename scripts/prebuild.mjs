// Copies build/Release/chainrule.node to prebuilds/<platform>-<arch>[-musl]/, stripped of what only a debugger reads.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformName } from './platform.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'prebuilds', platformName());
const file = join(folder, 'chainrule.node');

mkdirSync(folder, { recursive: true });
copyFileSync(join(root, 'build', 'Release', 'chainrule.node'), file);
if (process.platform === 'linux') execFileSync('strip', ['--strip-unneeded', file]);
console.log(file);
