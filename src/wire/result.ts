/**
 * How codecs refuse. Inside a codec the first violated rule throws a {@link Refusal}; the codec's public function turns
 * it into a tagged value with {@link refusable}. Callers therefore never need try/catch for hostile input, and any other
 * exception is a bug.
 */

export interface DecodeError {
  /** Stable machine-readable label, never reused for another meaning. */
  readonly code: string;
  /** One sentence for a human. */
  readonly message: string;
  /** Where in the input (byte or character offset), if one place is to blame. */
  readonly position?: number;
}

export type Result<T, E = DecodeError> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/** Thrown by codec internals on input that the protocol says to refuse. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;
  readonly position: number | undefined;

  constructor(code: string, message: string, position?: number) {
    super(message);
    this.code = code;
    this.position = position;
  }

  toDecodeError(): DecodeError {
    return this.position === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, position: this.position };
  }
}

export function refuse(code: string, message: string, position?: number): never {
  throw new Refusal(code, message, position);
}

/** Runs a decoder body and turns its {@link Refusal} into an error value. Other exceptions pass: they are bugs. */
export function refusable<T>(body: () => T): Result<T> {
  try {
    return ok(body());
  } catch (thrown) {
    if (thrown instanceof Refusal) return err(thrown.toDecodeError());
    throw thrown;
  }
}

/** The value of a result that must be good. @throws {Refusal} otherwise. For tests and for input we made ourselves. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Refusal(result.error.code, result.error.message, result.error.position);
}
