/** Ways to damage a sample. */
import type { Random } from './random.js';

const EDGE_BYTES = [0, 1, 2, 3, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff];
/** BigSize and integer forms at their borders. */
const EDGE_RUNS = [
  [0xfd, 0, 0xfc],
  [0xfd, 0, 0xfd],
  [0xfd, 0xff, 0xff],
  [0xfe, 0, 0, 0xff, 0xff],
  [0xfe, 0, 1, 0, 0],
  [0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

type Step = (data: number[], random: Random, other: ArrayLike<number>) => void;

const place = (data: readonly number[], random: Random): number => random.below(data.length + 1);

const STEPS: readonly Step[] = [
  (data, random) => {
    if (data.length > 0) data[random.below(data.length)]! ^= 1 << random.below(8);
  },
  (data, random) => {
    if (data.length > 0) data[random.below(data.length)] = random.pick(EDGE_BYTES);
  },
  (data, random) => {
    if (data.length > 0) data[random.below(data.length)] = random.next() & 0xff;
  },
  (data, random) => {
    const at = place(data, random);
    const run = random.pick(EDGE_RUNS);
    data.splice(at, random.chance(2) ? run.length : 0, ...run);
  },
  (data, random) => void data.splice(place(data, random), 1 + random.below(4)),
  (data, random) => void data.splice(place(data, random), 0, ...random.bytes(1 + random.below(8))),
  (data, random) => void (data.length = place(data, random)),
  (data, random) => {
    const at = place(data, random);
    data.splice(place(data, random), 0, ...data.slice(at, at + 1 + random.below(64)));
  },
  (data, random, other) => {
    const at = random.below(other.length + 1);
    const chunk = Array.prototype.slice.call(other, at, at + 1 + random.below(200)) as number[];
    data.splice(place(data, random), random.chance(2) ? chunk.length : 0, ...chunk);
  },
  (data, random) => {
    if (data.length > 0) data[random.below(data.length)]! += random.chance(2) ? 1 : -1;
  },
];

/** One to six steps; every value stays a byte. */
export function mutateBytes(sample: Uint8Array, other: Uint8Array, random: Random, maxLength: number): Uint8Array {
  const data = Array.from(sample);
  for (let steps = 1 + random.below(6); steps > 0; steps--) random.pick(STEPS)(data, random, other);
  return Uint8Array.from(data.slice(0, maxLength));
}

const ODD_CHARACTERS = ['\u0000', ' ', '\n', '+', '1', '\u00e9', '\ud83d\ude00', '\ud800', '\u0130', 'İ', '\u2028'];

/** One to six changes to a text, mostly with characters of `alphabet`. */
export function mutateText(sample: string, other: string, random: Random, alphabet: string): string {
  const letter = (): string =>
    random.chance(12) ? random.pick(ODD_CHARACTERS) : alphabet[random.below(alphabet.length)]!;
  let text = sample;
  for (let steps = 1 + random.below(6); steps > 0; steps--) {
    const at = random.below(text.length + 1);
    const length = 1 + random.below(random.chance(4) ? 80 : 3);
    switch (random.below(7)) {
      case 0:
      case 1:
        text = text.slice(0, at) + letter() + text.slice(at + 1);
        break;
      case 2:
        text = text.slice(0, at) + letter() + text.slice(at);
        break;
      case 3:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 4:
        text = text.slice(0, at) + text.slice(at, at + length) + text.slice(at);
        break;
      case 5: {
        const from = random.below(other.length + 1);
        text = text.slice(0, at) + other.slice(from, from + length) + text.slice(random.chance(2) ? at : at + length);
        break;
      }
      default:
        text = random.chance(8)
          ? text.toUpperCase()
          : random.chance(8)
            ? text.slice(0, at)
            : text.slice(0, -1) + letter();
    }
  }
  return text;
}
