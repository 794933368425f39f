export { ChainruleError, type ErrorCode } from '../errors.js';
export { Matrix, type MatrixLike } from '../matrix.js';
export type { Data } from '../samples.js';
export { type CsvOptions, CsvTable, readCsv } from './csv.js';
export { ShapedMatrix } from './elements.js';
export { readIdx } from './idx.js';
export { readNpy } from './npy.js';
export { oneHot } from './one_hot.js';
export type { DataSource } from './source.js';
export { type Split, type SplitOptions, split } from './split.js';
export { Standardized, standardize } from './standardize.js';
export {
  type BlobsOptions,
  blobs,
  type LabelledPoints,
  type Points,
  RegressionData,
  type RegressionOptions,
  regression,
  type SpiralsOptions,
  spirals,
  type XorOptions,
  xor,
} from './synthetic.js';
