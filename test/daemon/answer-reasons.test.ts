/** Labels of the metric come from a closed list, whatever sentences the ledger and the verdict say. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANSWER_REASONS, answerReason } from '../../src/daemon/answer-reasons.js';
import { Metrics } from '../../src/daemon/metrics.js';

const SOURCE = join(import.meta.dirname, '../../src');

/** Sentences as the sources give them; `${…}` stands for a number or a label. */
async function sentences(): Promise<string[]> {
  const ledger = join(SOURCE, 'receive/ledger');
  const files = (await readdir(ledger)).map((name) => join(ledger, name));
  const texts = await Promise.all(
    [...files, join(SOURCE, 'phantom/verdict.ts'), join(SOURCE, 'receive/presented.ts')].map((file) =>
      readFile(file, 'utf8'),
    ),
  );
  const patterns = [
    /failSet\(\s*work,\s*\w+,\s*'([^']+)'/g,
    /failParts\(\s*work,\s*\w+,\s*'([^']+)'/g,
    /reason: ['`]([^'`]+)['`]/g,
    /\bfail\(\s*['`]([^'`]+)['`]/g,
    /#answer\([^)]*\)[^)]*\), '([^']+)'/g,
    /^ {4}return '([a-z][^']+)';$/gm,
    /wish === 'cancel'\) return '([^']+)'/g,
  ];
  return texts.flatMap((text) => patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, words]) => words!)));
}

describe('reasons of answers', () => {
  it('have a label for every sentence in the sources', async () => {
    const found = [...new Set(await sentences())].filter((text) => text.includes(' '));
    expect(found.length).toBeGreaterThan(25);
    expect(found).toContain('the invoice was canceled');
    for (const refusal of ['unknown_method', 'not_authentic', 'amount_too_low', 'expired'])
      found.push(`payment secret: ${refusal}`);
    const unknown = found.filter((text) => answerReason(text) === 'unknown');
    expect(unknown).toEqual([]);
  });

  it('say what they mean', () => {
    expect(answerReason('settled')).toBe('settled');
    expect(answerReason('the invoice was canceled')).toBe('canceled');
    expect(answerReason('the parts did not arrive in time')).toBe('timeout');
    expect(answerReason('the HTLC pays 5 msat where 6 are to be forwarded')).toBe('underpaid');
    expect(answerReason('payment secret: not_authentic')).toBe('secret');
    expect(answerReason('something new')).toBe('unknown');
  });

  it('are labels of the metric, and nothing else is', async () => {
    const metrics = new Metrics(
      () => [],
      () => 0,
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        metrics.answered('fail', text, 1);
        expect(ANSWER_REASONS).toContain(answerReason(text));
      }),
    );
    for (const text of await sentences()) metrics.answered('fail', text, 1);
    const labels = [...(await metrics.registry.metrics()).matchAll(/answered_total\{.*reason="([^"]*)"/g)];
    expect(labels.length).toBeGreaterThan(5);
    for (const [, label] of labels) expect(ANSWER_REASONS).toContain(label);
  });
});
