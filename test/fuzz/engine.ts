/** Runs targets with made-up and mutated input and reports the first input that breaks a rule. */
import { toHex } from '../../src/wire/bytes.js';
import { mutateBytes, mutateText } from './mutate.js';
import { Random } from './random.js';
import type { BytesTarget, FuzzTarget, TextTarget } from './target.js';

const DEFAULT_MAX_MILLIS = 250;
const DEFAULT_MAX_LENGTH = 2048;
/** A slow run is repeated this often before it counts: the machine may have been busy. */
const SLOW_REPEATS = 3;

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
}

export interface FuzzFailure {
  /** Repeats with the same seed. */
  readonly index: number;
  /** Hex of bytes, or the text as JSON. */
  readonly input: string;
  readonly reason: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly cases: number;
  readonly accepted: number;
  readonly millis: number;
  readonly slowestMillis: number;
  readonly failure?: FuzzFailure;
}

type Trial = () => boolean;

function bytesTrials(target: BytesTarget, random: Random): () => { trial: Trial; shown: () => string } {
  const corpus = target.corpus();
  const maxLength = target.maxLength ?? DEFAULT_MAX_LENGTH;
  return () => {
    const input = random.chance(10)
      ? random.bytes(random.below(Math.min(maxLength, random.chance(2) ? 16 : 200) + 1))
      : mutateBytes(random.pick(corpus), random.pick(corpus), random, maxLength);
    return { trial: () => target.run(input), shown: () => toHex(input) };
  };
}

function textTrials(target: TextTarget, random: Random): () => { trial: Trial; shown: () => string } {
  const corpus = target.corpus();
  return () => {
    const mutated = mutateText(random.pick(corpus), random.pick(corpus), random, target.alphabet);
    const input = target.repair && !random.chance(4) ? target.repair(mutated) : mutated;
    return { trial: () => target.run(input), shown: () => JSON.stringify(input) };
  };
}

const timed = (trial: Trial): { accepted: boolean; millis: number } => {
  const begin = performance.now();
  const accepted = trial();
  return { accepted, millis: performance.now() - begin };
};

/** The least of several runs, so that a busy machine does not count against the decoder. */
function leastMillis(trial: Trial, first: number, limit: number): number {
  let least = first;
  for (let repeat = 0; repeat < SLOW_REPEATS && least > limit; repeat++) least = Math.min(least, timed(trial).millis);
  return least;
}

/** Stable number of a name, so that targets do not share their random input. */
const streamOf = (name: string): number => [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7);

/** First every sample as it is, then `cases` made-up and mutated inputs. Stops at the first failure. */
export function fuzz(target: FuzzTarget, { cases, seed }: FuzzOptions): FuzzReport {
  const random = new Random(seed, streamOf(target.name));
  const next = target.kind === 'bytes' ? bytesTrials(target, random) : textTrials(target, random);
  const samples: { trial: Trial; shown: () => string }[] =
    target.kind === 'bytes'
      ? target.corpus().map((input) => ({ trial: () => target.run(input), shown: () => toHex(input) }))
      : target.corpus().map((input) => ({ trial: () => target.run(input), shown: () => JSON.stringify(input) }));
  const limit = target.maxMillis ?? DEFAULT_MAX_MILLIS;
  const begin = performance.now();
  let accepted = 0;
  let slowestMillis = 0;
  const report = (done: number, failure?: FuzzFailure): FuzzReport => ({
    target: target.name,
    cases: done,
    accepted,
    millis: performance.now() - begin,
    slowestMillis,
    ...(failure && { failure }),
  });

  for (let index = -samples.length; index < cases; index++) {
    const { trial, shown } = index < 0 ? samples[index + samples.length]! : next();
    try {
      const first = timed(trial);
      if (first.accepted) accepted++;
      const millis = first.millis > limit ? leastMillis(trial, first.millis, limit) : first.millis;
      slowestMillis = Math.max(slowestMillis, millis);
      if (millis > limit) {
        return report(index + 1, { index, input: shown(), reason: `took ${millis.toFixed(0)} ms, limit ${limit} ms` });
      }
    } catch (thrown) {
      const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      return report(Math.max(0, index + 1), { index, input: shown(), reason });
    }
  }
  return report(cases);
}
