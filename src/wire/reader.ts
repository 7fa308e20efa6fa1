/** A cursor over received bytes. Every read either succeeds or refuses with the offset of the trouble. */
import { uintOf } from './integers.js';
import { refuse } from './result.js';
import type { Msat, ShortChannelId } from './units.js';

/** First values that need the 3-, 5- and 9-byte forms of a BigSize. */
const BIGSIZE_LEAST: Record<number, bigint> = { 2: 0xfdn, 4: 0x1_0000n, 8: 0x1_0000_0000n };

/** Labels used when a BigSize is cut short or too long, so that TLV types and lengths can be told apart. */
export interface BigSizeLabels {
  readonly missing: string;
  readonly truncated: string;
  readonly notMinimal: string;
}

const PLAIN_BIGSIZE: BigSizeLabels = {
  missing: 'bigsize_truncated',
  truncated: 'bigsize_truncated',
  notMinimal: 'bigsize_not_minimal',
};

export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    // A Buffer's slice would alias the input instead of copying it.
    this.#bytes = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes);
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  /** The next `length` bytes as a copy. @throws Refusal `truncated` (or the label given) */
  bytes(length: number, label = 'truncated'): Uint8Array {
    if (length > this.left) {
      refuse(label, `${length} bytes wanted, ${this.left} left`, this.#offset);
    }
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.slice(start, this.#offset);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  u8(): number {
    return this.bytes(1)[0]!;
  }

  u16(): number {
    return Number(uintOf(this.bytes(2)));
  }

  u32(): number {
    return Number(uintOf(this.bytes(4)));
  }

  u64(): bigint {
    return uintOf(this.bytes(8));
  }

  msat(): Msat {
    return this.u64();
  }

  scid(): ShortChannelId {
    return this.u64();
  }

  bigSize(labels: BigSizeLabels = PLAIN_BIGSIZE): bigint {
    const start = this.#offset;
    if (this.left === 0) refuse(labels.missing, 'a BigSize is missing', start);
    const head = this.u8();
    if (head < 0xfd) return BigInt(head);
    const width = head === 0xfd ? 2 : head === 0xfe ? 4 : 8;
    if (this.left < width) refuse(labels.truncated, `a BigSize of ${width + 1} bytes is cut short`, start);
    const value = uintOf(this.bytes(width));
    if (value < BIGSIZE_LEAST[width]!) refuse(labels.notMinimal, `${value} has a shorter BigSize form`, start);
    return value;
  }

  /** A BigSize used as a byte count. Counts that cannot fit the input refuse as `truncated`. */
  bigSizeLength(labels: BigSizeLabels, truncated: string): number {
    const start = this.#offset;
    const length = this.bigSize(labels);
    if (length > BigInt(this.left)) {
      refuse(truncated, `${length} bytes announced, ${this.left} left`, start);
    }
    return Number(length);
  }

  /** @throws Refusal `trailing_bytes` if anything is left. */
  end(): void {
    if (this.left > 0) refuse('trailing_bytes', `${this.left} bytes too many`, this.#offset);
  }
}
