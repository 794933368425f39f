import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/** Prints `N passed, N failed` alone on the last line, from vitest's own counts. */
export default class CountsReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const testModule of testModules) {
      for (const test of testModule.children.allTests()) {
        counts[test.result().state]++;
      }
      // A file that cannot be loaded, or whose hook fails, has errors and perhaps no tests.
      counts.failed += testModule.errors().length;
    }
    const failed = counts.failed + unhandledErrors.length;
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    // At exit, so that no other reporter writes a line behind this one.
    process.once('exit', () => console.log(`${counts.passed} passed, ${failed} failed${skipped}`));
  }
}
