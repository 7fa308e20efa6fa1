/** What can be fuzzed: a decoder with sample input, and what must hold for every input. */
import { fromHex } from '../../src/wire/bytes.js';
import { vectorText } from '../wire/vectors.js';

interface Target<Input> {
  readonly name: string;
  /** Good and bad samples to mutate; at least one must be accepted. */
  corpus(): readonly Input[];
  /**
   * Decodes one input. Returns whether it was accepted. Throws if a rule is broken: the decoder threw, or what it read
   * does not encode to the same bytes.
   */
  run(input: Input): boolean;
  /** Longest time for one input, in milliseconds. */
  readonly maxMillis?: number;
  /** Computes much for each input: gets a smaller share in `npm test`. */
  readonly slow?: boolean;
}

export interface BytesTarget extends Target<Uint8Array> {
  readonly kind: 'bytes';
  /** Longest input made up. */
  readonly maxLength?: number;
}

export interface TextTarget extends Target<string> {
  readonly kind: 'text';
  /** Characters that mutations prefer. */
  readonly alphabet: string;
  /** Makes outer protection (a checksum) fit again, so that mutations reach what lies behind it. */
  repair?(input: string): string;
}

export type FuzzTarget = BytesTarget | TextTarget;

/** Every hex string of at least `minBytes` and at most `maxBytes` in the named vector files, wherever it stands. */
export function hexOfVectors(names: readonly string[], minBytes = 1, maxBytes = 4096): Uint8Array[] {
  const found = new Set<string>();
  for (const name of names) {
    for (const [, hex] of vectorText(name).matchAll(/"((?:[0-9a-f]{2})+)"/g)) {
      if (hex!.length >= 2 * minBytes && hex!.length <= 2 * maxBytes) found.add(hex!);
    }
  }
  if (found.size === 0) throw new Error(`no hex in ${names.join(', ')}`);
  return [...found].map(fromHex);
}
