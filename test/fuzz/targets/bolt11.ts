/** BOLT 11 invoices: as typed by anybody, and with a checksum that fits again so that the fields are reached. */
import { strict as assert } from 'node:assert';
import { decodeInvoice, invoiceExpiresAt, invoiceFields } from '../../../src/bolt11/index.js';
import { BECH32_CHARSET, decodeBech32, encodeBech32 } from '../../../src/wire/bech32.js';
import { vectorCases } from '../../wire/vectors.js';
import type { TextTarget } from '../target.js';

const MAX_SAMPLE = 1500;

const corpus = (): string[] =>
  ['bolt11', 'extra-bolt11']
    .flatMap((name) => vectorCases<{ invoice: string }>(name))
    .map(({ invoice }) => invoice)
    .filter((invoice) => invoice.length <= MAX_SAMPLE);

const GROUP_OF: ReadonlyMap<string, number> = new Map([...BECH32_CHARSET].map((letter, group) => [letter, group]));

/** Takes the text before and behind the last separator as they are and computes the checksum anew. */
function withChecksum(text: string): string {
  const lower = text.toLowerCase();
  const separator = lower.lastIndexOf('1');
  if (separator < 1 || lower.length - separator < 7) return text;
  const groups = [...lower.slice(separator + 1, -6)].map((letter) => GROUP_OF.get(letter) ?? 0);
  const hrp = lower.slice(0, separator).replace(/[^!-@[-~]/g, 'x');
  return encodeBech32(hrp, Uint8Array.from(groups));
}

function run(input: string): boolean {
  const result = decodeInvoice(input);
  if (!result.ok) {
    assert.ok(result.error.code !== '' && result.error.message !== '');
    if (result.error.position !== undefined) {
      assert.ok(result.error.position >= 0 && result.error.position <= input.length, 'position outside the text');
    }
    return false;
  }
  JSON.stringify(invoiceFields(result.value));
  assert.ok(invoiceExpiresAt(result.value) >= result.value.timestamp);
  assert.deepEqual(decodeInvoice(input.toUpperCase()), result, 'upper case reads as something else');
  assert.ok(decodeBech32(input).ok, 'an invoice that is no bech32');
  return true;
}

export const bolt11Targets: readonly TextTarget[] = [
  { name: 'bolt11/text', kind: 'text', alphabet: `${BECH32_CHARSET}1munp`, corpus, run },
  { name: 'bolt11/fields', kind: 'text', alphabet: BECH32_CHARSET, corpus, repair: withChecksum, run },
];
