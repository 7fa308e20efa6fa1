/**
 * A chain that exists only in memory. LDK checks neither proof of work nor inputs, so a block is an 80-byte header with a
 * list of raw transactions, and a funding transaction spends an invented output. Blocks and their times come by hand:
 * nothing here follows the wall clock.
 */
import { sha256 } from '../../crypto/index.js';
import { concat, equalBytes } from '../../wire/bytes.js';
import { uintBytes } from '../../wire/integers.js';
import type { BlockHeight, UnixSeconds } from '../../wire/units.js';

export interface Block {
  readonly height: BlockHeight;
  readonly header: Uint8Array;
  /** Raw transactions in block order. */
  readonly transactions: readonly Uint8Array[];
}

type BlockListener = (block: Block) => void;

const littleEndian = (value: bigint | number, length: number): Uint8Array => uintBytes(value, length).reverse();

export class SyntheticChain {
  height: BlockHeight;
  /** Time of the newest block. Payment secrets expire by this clock. */
  time: UnixSeconds;
  /** Hash of the newest block. */
  tip: Uint8Array = new Uint8Array(32).fill(0x77);
  #mempool: Uint8Array[] = [];
  readonly #listeners = new Set<BlockListener>();

  constructor(height: BlockHeight, time: UnixSeconds) {
    this.height = height;
    this.time = time;
  }

  get mempoolSize(): number {
    return this.#mempool.length;
  }

  broadcast(transaction: Uint8Array): void {
    if (!this.#mempool.some((known) => equalBytes(known, transaction))) this.#mempool.push(transaction.slice());
  }

  /** Calls `listener` at every new block. Returns the way to end it. */
  follow(listener: BlockListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first block takes everything that was broadcast. */
  mine(blocks = 1, secondsApart = 10): void {
    for (let i = 0; i < blocks; i++) {
      const transactions = this.#mempool;
      this.#mempool = [];
      this.height += 1;
      this.time += secondsApart;
      const header = this.#header(transactions);
      this.tip = sha256(sha256(header));
      const block = { height: this.height, header, transactions };
      for (const listener of [...this.#listeners]) listener(block);
    }
  }

  #header(transactions: readonly Uint8Array[]): Uint8Array {
    const version = littleEndian(0x2000_0000, 4);
    const merkleRoot = sha256(uintBytes(this.height, 4), ...transactions); // nobody recomputes it
    const easiestTarget = littleEndian(0x207f_ffff, 4);
    return concat(
      version,
      this.tip,
      merkleRoot,
      littleEndian(this.time, 4),
      easiestTarget,
      littleEndian(this.height, 4),
    );
  }
}

let inventedOutputs = 0;

/** A segwit transaction with one invented input and one output of `satoshis` to `script`. */
export function fundingTransaction(script: Uint8Array, satoshis: bigint): Uint8Array {
  const version = littleEndian(2, 4);
  const segwitMarker = Uint8Array.of(0, 1);
  const previous = concat(littleEndian(++inventedOutputs, 4), new Uint8Array(28).fill(9), new Uint8Array(4));
  const input = concat(Uint8Array.of(1), previous, Uint8Array.of(0), new Uint8Array(4).fill(0xff));
  const output = concat(Uint8Array.of(1), littleEndian(satoshis, 8), Uint8Array.of(script.length), script);
  const witness = Uint8Array.of(1, 1, 0xff); // LDK insists on one
  return concat(version, segwitMarker, input, output, witness, new Uint8Array(4));
}
