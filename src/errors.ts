export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'SHAPE_MISMATCH'
  | 'NOT_FINITE'
  | 'BUSY'
  | 'DISPOSED'
  | 'ABORTED'
  | 'BACKEND_UNAVAILABLE'
  | 'FORMAT';

/** Every error this package throws on purpose: `code` is stable, the message is for people. */
export class ChainruleError extends Error {
  override readonly name = 'ChainruleError';
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
