// npm's `install` script: a prebuilt binary that loads is used; else the addon is compiled; else the TypeScript backend will do.
// It never fails for want of a compiler, and downloads no binary.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformName } from './platform.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const prebuilt = join('prebuilds', platformName(), 'chainrule.node');
// npm sets the variable to 'true', or to '' where the flag stands without a value.
const fromSource = !['false', undefined].includes(process.env.npm_config_build_from_source);

if (fromSource || !loads(prebuilt)) {
  const failure = compile();
  if (failure) {
    console.log(
      `chainrule: tried ${prebuilt} (${fromSource ? 'not wanted' : 'none that loads'}) and node-gyp (${failure}).`,
    );
    console.log(
      'chainrule: the TypeScript backend will be used; `npm rebuild chainrule --foreground-scripts` shows the build.',
    );
  }
}

function loads(file) {
  try {
    createRequire(import.meta.url)(join(root, file));
    return true;
  } catch {
    return false;
  }
}

/** Returns what failed, or nothing. */
function compile() {
  // npm names the node-gyp it carries; other package managers put one on the PATH of scripts.
  const bundled = process.env.npm_config_node_gyp;
  const [command, before] = bundled ? [process.execPath, [bundled]] : ['node-gyp', []];
  const { status, error } = spawnSync(command, [...before, 'rebuild', '--jobs', 'max'], {
    cwd: root,
    stdio: 'inherit',
    // A .cmd file on Windows needs a shell.
    shell: !bundled && process.platform === 'win32',
  });
  if (error) return error.message;
  return status === 0 ? undefined : `ended with ${status}`;
}
