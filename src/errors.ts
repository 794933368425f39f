/** What went wrong, for programs: these names stay. */
export type ErrorCode =
  /** An unknown name or option, or a value that is not what it must be. */
  | 'INVALID_ARGUMENT'
  /** Numbers of rows, columns or elements that do not fit together. */
  | 'SHAPE_MISMATCH'
  /** NaN, ±∞ or beyond the dtype's range: in the data, whose row and column is named, or in training: layer, epoch and batch. */
  | 'NOT_FINITE'
  /** The network is at work. */
  | 'BUSY'
  /** The network was disposed of. */
  | 'DISPOSED'
  /** The signal was aborted before the work began, or ended a fit that was to be compared with others. */
  | 'ABORTED'
  /** The backend or instruction set asked for does not load here; `cause` has the loader's failures. */
  | 'BACKEND_UNAVAILABLE'
  /** A file is not of its format. */
  | 'FORMAT';

/** Every error this package throws on purpose: `code` is stable, the message is for people. */
export class ChainruleError extends Error {
  override readonly name = 'ChainruleError';
  /** Stable, for programs. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The one message shape: `expected <what> for <name>, got <what came>`. */
export function expected(code: ErrorCode, what: string, name: string, got: string): ChainruleError {
  return new ChainruleError(code, `expected ${what} for ${name}, got ${got}`);
}

/** A value as an error message shows it: short, and telling types apart. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (ArrayBuffer.isView(value)) {
    const { length } = value as unknown as { length?: number };
    return `${value.constructor.name} of ${length === undefined ? `${value.byteLength} bytes` : `length ${length}`}`;
  }
  const { type } = value as { type?: unknown };
  if (typeof type === 'string') return `an object of type ${JSON.stringify(type)}`;
  const name = (value as object).constructor?.name;
  return name && name !== 'Object' ? `an instance of ${name}` : 'an object';
}
