/** Seeded pseudo-randomness (xoshiro128**): the same seed gives the same simulated world. Never for real secrets. */
import { ec } from '../../crypto/index.js';

/** 32-bit hash of a text, used to turn labels into seeds. */
function hashText(text: string, basis: number): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function splitMix(state: number): number {
  let z = (state + 0x9e37_79b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

const rotateLeft = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

export class Random {
  readonly #identity: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number | string) {
    this.#identity = String(seed);
    const start = hashText(this.#identity, 0x811c_9dc5);
    this.#a = splitMix(start);
    this.#b = splitMix(this.#a ^ hashText(this.#identity, 0x1234_5678));
    this.#c = splitMix(this.#b);
    this.#d = splitMix(this.#c) | 1;
  }

  /** An independent stream. Does not change this one, so a new user of randomness does not disturb the others. */
  fork(label: string): Random {
    return new Random(`${this.#identity}/${label}`);
  }

  u32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** 0 ≤ x < 1 */
  fraction(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** An integer, both ends included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.u32();
      for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = word >>> (8 * j);
    }
    return out;
  }

  /** One of the items. @throws {RangeError} if there is none. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.int(0, items.length - 1)]!;
  }

  /** The items in another order, as a new array. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}

/** A secret key for one onion. */
export function sessionKey(random: Random): Uint8Array {
  for (;;) {
    const key = random.bytes(32);
    if (ec.isSecret(key)) return key;
  }
}
