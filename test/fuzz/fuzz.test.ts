/** A small share of the fuzzing, and proof that the fuzzer finds what it is there to find. */
import { describe, expect, it } from 'vitest';
import { decodeTruncated, encodeTruncated } from '../../src/wire/integers.js';
import { refusable } from '../../src/wire/result.js';
import { fuzz } from './engine.js';
import { FUZZ_TARGETS } from './registry.js';
import { type BytesTarget, hexOfVectors, type TextTarget } from './target.js';
import { sameBytes } from './targets/wire.js';

const CASES = 1000;
const SLOW_CASES = 150;

describe('decoders', () => {
  it.each(FUZZ_TARGETS.map((target) => [target.name, target] as const))('%s', (_name, target) => {
    // A new seed each run; a failure prints it.
    const seed = Date.now() % 2 ** 31;
    const cases = target.slow ? SLOW_CASES : CASES;
    const report = fuzz(target, { cases, seed });
    expect(report.failure, `seed ${seed}`).toBeUndefined();
    expect(report.cases).toBe(cases);
    const known = fuzz(target, { cases: 0, seed });
    expect(known.accepted, 'no sample is accepted, so nothing behind the first check is fuzzed').toBeGreaterThan(0);
  });

  it('have different names', () => {
    expect(new Set(FUZZ_TARGETS.map(({ name }) => name)).size).toBe(FUZZ_TARGETS.length);
  });
});

describe('the fuzzer finds', () => {
  const corpus = () => hexOfVectors(['bolt01-tlv']);
  const options = { cases: 20_000, seed: 1 };
  const bytes = (run: BytesTarget['run'], maxMillis?: number): BytesTarget => ({
    name: 'planted',
    kind: 'bytes',
    corpus,
    run,
    ...(maxMillis !== undefined && { maxMillis }),
  });

  it('an exception on rare input, and repeats it from the seed', () => {
    const target = bytes((input) => {
      if (input[0] === 0xfd && input.length > 40) throw new TypeError('planted');
      return true;
    });
    const { failure } = fuzz(target, options);
    expect(failure?.reason).toContain('planted');
    const { index, input } = failure!;
    expect(fuzz(target, options).failure).toMatchObject({ index, input });
  });

  it('a decoder that takes what is not minimal', () => {
    const target = bytes((input) => {
      const digits = input.subarray(input.findIndex((byte) => byte !== 0));
      const result = refusable(() => decodeTruncated(digits, 8));
      if (result.ok) sameBytes(encodeTruncated(result.value), input);
      return result.ok;
    });
    expect(fuzz(target, options).failure?.reason).toContain('other bytes');
  });

  it('a decoder whose time explodes', () => {
    const target = bytes((input) => {
      const until = performance.now() + (input.length > 60 ? 30 : 0);
      while (performance.now() < until);
      return true;
    }, 20);
    expect(fuzz(target, options).failure?.reason).toContain('limit 20 ms');
  });

  it('a text that breaks a parser behind a repaired checksum', () => {
    const sealed = (body: string): string => `${body}#${body.length}`;
    const target: TextTarget = {
      name: 'planted',
      kind: 'text',
      alphabet: 'abc',
      corpus: () => [sealed('abcabc')],
      repair: (input) => sealed(input.split('#')[0]!),
      run(input) {
        const [body, length] = input.split('#');
        if (String(body!.length) !== length) return false;
        if (body!.includes('ccc')) throw new Error('planted');
        return true;
      },
    };
    expect(fuzz(target, options).failure?.reason).toContain('planted');
  });
});
