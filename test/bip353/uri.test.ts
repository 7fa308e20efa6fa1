import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseUri, readPaymentUri } from '../../src/bip353/index.js';
import { utf8 } from '../../src/wire/bytes.js';

const choice = (...records: string[][]): string => {
  const result = chooseUri(records.map((pieces) => pieces.map((piece) => utf8(piece))));
  return result.ok ? result.value : result.error.code;
};

describe('the TXT record', () => {
  it.each([
    [[], 'no_bitcoin_record'],
    [[[]], 'no_bitcoin_record'],
    [[['']], 'no_bitcoin_record'],
    [[['bitcoin']], 'no_bitcoin_record'],
    [[['xbitcoin:?lno=lno1a']], 'no_bitcoin_record'],
    [[[' bitcoin:?lno=lno1a']], 'no_bitcoin_record'],
    [[['bitcoin:']], 'bitcoin:'],
    [[['', 'bitcoin:', '?x']], 'bitcoin:?x'],
    [[['bitcoin:'], ['bitcoin:']], 'multiple_bitcoin_records'],
    [[['bitcoin:?a b']], 'uri_bad_character'],
    [[['bitcoin:?ä']], 'uri_bad_character'],
    [[['bitcoin:?a\u0000']], 'uri_bad_character'],
    [[['ä'], ['bitcoin:?a']], 'bitcoin:?a'],
  ])('%j: %s', (records, wanted) => {
    expect(choice(...records)).toBe(wanted);
  });

  it('with bytes that are no text is refused if it is the one', () => {
    const broken = Uint8Array.of(...utf8('bitcoin:'), 0xff);
    expect(chooseUri([[broken]])).toMatchObject({ error: { code: 'uri_bad_character' } });
  });
});

describe('the URI', () => {
  const read = (uri: string): unknown => {
    const result = readPaymentUri(uri);
    if (!result.ok) return result.error.code;
    const { offers, addresses } = result.value;
    return { offers, addresses };
  };

  it.each([
    ['bitcoin:', [], []],
    ['bitcoin:?', [], []],
    ['bitcoin:bc1qa', [], ['bc1qa']],
    ['BITCOIN:BC1QA?LNO=LNO1A&BC=BC1QB', ['LNO1A'], ['BC1QA', 'BC1QB']],
    ['bitcoin:?lno=lno1a&x=1&lno=lno1b', ['lno1a', 'lno1b'], []],
    ['bitcoin:?lno=lno%31a&amount=1', ['lno1a'], []],
    ['bitcoin:?%6Cno=lno1a', ['lno1a'], []],
    ['bitcoin:?lno=a+b%2B', ['a+b+'], []],
    ['bitcoin:?lno=a=b?c', ['a=b?c'], []],
    ['bitcoin:?lno', [], []],
    ['bitcoin:?lno=&&=&', [], []],
    ['bitcoin:?xlno=lno1a&reqlno=1', [], []],
    ['bitcoin:?lno=lno1a#lno=lno1b', ['lno1a'], []],
  ])('%s', (uri, offers, addresses) => {
    expect(read(uri)).toEqual({ offers, addresses });
  });

  it.each([
    ['lightning:?lno=a', 'not_a_bitcoin_uri'],
    ['bitcoin', 'not_a_bitcoin_uri'],
    ['bitcoin:?lno=%', 'uri_bad_percent'],
    ['bitcoin:?lno=%4', 'uri_bad_percent'],
    ['bitcoin:?lno=%zz', 'uri_bad_percent'],
    ['bitcoin:?x=%ff', 'uri_bad_percent'],
    ['bitcoin:%ff', 'uri_bad_percent'],
    ['bitcoin:?lno=lno1a&req-somethingnew=1', 'uri_requires_unknown'],
    ['bitcoin:?REQ-x&lno=lno1a', 'uri_requires_unknown'],
    ['bitcoin:?r%65q-x=1', 'uri_requires_unknown'],
    ['bitcoin:?req-', 'uri_requires_unknown'],
  ])('%s is refused: %s', (uri, wanted) => {
    expect(read(uri)).toBe(wanted);
  });

  it('gives all parameters in order', () => {
    expect(readPaymentUri('bitcoin:?Amount=1.5&label=a%20b&amount=2')).toMatchObject({
      value: {
        parameters: [
          ['amount', '1.5'],
          ['label', 'a b'],
          ['amount', '2'],
        ],
      },
    });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => ['string', 'object'].includes(typeof read(`bitcoin:${text}`))));
  });
});
