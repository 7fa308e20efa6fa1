/** Collects 5-bit groups: a byte buffer that grows, with the shapes that invoice fields are made of. */
import { bytesToGroups } from '../wire/bech32.js';

export class GroupWriter {
  #groups: Uint8Array = new Uint8Array(1024);
  #length = 0;

  /** The groups written so far; valid until the next write. */
  get groups(): Uint8Array {
    return this.#groups.subarray(0, this.#length);
  }

  write(groups: ArrayLike<number>): void {
    const end = this.#length + groups.length;
    if (end > this.#groups.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#groups.length));
      larger.set(this.#groups);
      this.#groups = larger;
    }
    this.#groups.set(groups, this.#length);
    this.#length = end;
  }

  bytes(bytes: Uint8Array): void {
    this.write(bytesToGroups(bytes));
  }

  /** Tag, 10-bit length, groups. */
  field(tag: number, groups: ArrayLike<number>): void {
    this.write([tag, groups.length >> 5, groups.length & 31]);
    this.write(groups);
  }
}

/** Shortest groups of an integer; none for zero. */
export function integerGroups(value: bigint | number): number[] {
  const groups: number[] = [];
  let rest = BigInt(value);
  for (; rest > BigInt(Number.MAX_SAFE_INTEGER); rest >>= 5n) groups.push(Number(rest & 31n));
  for (let small = Number(rest); small > 0; small = Math.floor(small / 32)) groups.push(small % 32);
  return groups.reverse();
}

/** `length` groups of an integer that fits them. */
export function fixedGroups(value: number, length: number): number[] {
  const groups = integerGroups(value);
  return [...new Array<number>(length - groups.length).fill(0), ...groups];
}

/** Groups of a feature vector without leading zero group; bit 0 is the lowest bit of the last one. */
export function featureGroups(bits: readonly number[]): Uint8Array {
  const highest = bits.reduce((most, bit) => Math.max(most, bit), -1);
  const groups = new Uint8Array(Math.ceil((highest + 1) / 5));
  for (const bit of bits) groups[groups.length - 1 - Math.floor(bit / 5)]! |= 1 << (bit % 5);
  return groups;
}
