import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What came of looking for the addon: `addon` is undefined when none loaded. `failures` has one error for each place tried in vain. */
export interface LoadResult {
  readonly addon: unknown;
  readonly failures: readonly Error[];
}

/**
 * Loads the addon from `root`: a binary built on this machine first, then the prebuilt one for its platform. That there is
 * none is an ordinary failure; one that is there but does not load is reported as a process warning too.
 */
export function loadAddon(root: string | undefined = packageRoot()): LoadResult {
  if (root === undefined) {
    return { addon: undefined, failures: [new Error(`no package.json of chainrule above ${import.meta.url}`)] };
  }
  const require = createRequire(join(root, 'package.json'));
  const failures: Error[] = [];
  for (const place of [join('build', 'Release'), join('prebuilds', platformName())]) {
    const file = join(root, place, 'chainrule.node');
    if (!existsSync(file)) {
      failures.push(new Error(`no binary at ${file}`));
      continue;
    }
    try {
      return { addon: require(file), failures };
    } catch (error) {
      const message = `cannot load ${file}: ${error instanceof Error ? error.message : String(error)}`;
      failures.push(new Error(message, { cause: error }));
      process.emitWarning(message, { type: 'ChainruleWarning', code: 'CHAINRULE_ADDON' });
    }
  }
  return { addon: undefined, failures };
}

/** The folder of this platform's prebuilt binary: `linux-x64`, `linux-arm64-musl`, `darwin-arm64`, … */
export function platformName(): string {
  const musl = process.platform === 'linux' && !usesGlibc() ? '-musl' : '';
  return `${process.platform}-${process.arch}${musl}`;
}

function usesGlibc(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

/** The nearest folder above this file with chainrule's package.json: the same from src/, from dist/ and for both module formats. */
function packageRoot(): string | undefined {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'chainrule')
      return folder;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}
