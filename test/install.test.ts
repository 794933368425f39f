import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { platformName } from '../src/backend/load.js';

const repository = fileURLToPath(new URL('..', import.meta.url));
const prebuilt = `prebuilds/${platformName()}/chainrule.node`;
let root: string;

/** Runs the install script of a package folder, where `nodeGyp` stands for the node-gyp that npm carries. */
function install(nodeGyp: string, fromSource?: string) {
  writeFileSync(join(root, 'node-gyp.cjs'), nodeGyp);
  return spawnSync(process.execPath, [join(root, 'scripts/install.mjs')], {
    encoding: 'utf8',
    env: {
      npm_config_node_gyp: join(root, 'node-gyp.cjs'),
      ...(fromSource === undefined ? {} : { npm_config_build_from_source: fromSource }),
    },
  });
}

const builds = "require('fs').writeFileSync('built', process.argv[2]);";
const fails = 'process.exit(1);';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'chainrule-install-'));
  cpSync(join(repository, 'scripts'), join(root, 'scripts'), { recursive: true });
  mkdirSync(join(root, 'prebuilds', platformName()), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true }));

describe('the install script', () => {
  it('uses a prebuilt binary that loads, and says nothing', () => {
    cpSync(join(repository, 'build/Release/chainrule.node'), join(root, prebuilt));
    expect(install(builds)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(existsSync(join(root, 'built'))).toBe(false);
  });

  it('builds where there is none, or where it does not load', () => {
    expect(install(builds).status).toBe(0);
    expect(existsSync(join(root, 'built'))).toBe(true);
    rmSync(join(root, 'built'));
    writeFileSync(join(root, prebuilt), 'not a binary');
    expect(install(builds).status).toBe(0);
    expect(existsSync(join(root, 'built'))).toBe(true);
  });

  it.each(['true', ''])('builds with --build-from-source (%j) though a binary fits', (value) => {
    cpSync(join(repository, 'build/Release/chainrule.node'), join(root, prebuilt));
    expect(install(builds, value).status).toBe(0);
    expect(existsSync(join(root, 'built'))).toBe(true);
  });

  it('ends with 0 and a note of two lines where the build fails', () => {
    const { status, stdout } = install(fails);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      `chainrule: tried ${join(prebuilt)} (none that loads) and node-gyp (ended with 1).`,
      expect.stringContaining('the TypeScript backend will be used'),
    ]);
  });
});
