/** The folder of this platform's prebuilt binary; the same as `platformName` of src/backend/load.ts. */
export function platformName() {
  const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime ? '-musl' : '';
  return `${process.platform}-${process.arch}${musl}`;
}
