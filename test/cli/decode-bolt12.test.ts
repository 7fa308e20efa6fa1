/** `manifold decode` of BOLT 12: the published offers, all kinds, and static invoices as hex. */
import { describe, expect, it } from 'vitest';
import { decodeText, readInvoice } from '../../src/daemon/decode.js';
import { vectorCases, vectorText } from '../wire/vectors.js';
import { run } from './support.js';

interface OfferCase {
  readonly offer: string;
  readonly valid: boolean;
  readonly fields?: Record<string, unknown>;
  readonly unknown?: Record<string, string>;
}

interface Case {
  readonly kind: string;
  readonly string: string;
  readonly valid: boolean;
  readonly fields?: Record<string, unknown>;
}

const offers = vectorCases<OfferCase>('bolt12-offers');
const { static_invoices: staticInvoices } = JSON.parse(vectorText('static-invoice')) as {
  static_invoices: { static_invoice_bytes: string; issuer_id: string }[];
};

describe('manifold decode', () => {
  it('answers the published offers as they are published', async () => {
    const { code, stdout } = await run(['decode', '-'], {}, offers.map(({ offer }) => offer).join('\n'));
    expect(code).toBe(0);
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(answers.map(({ input, valid }) => [input, valid])).toEqual(offers.map(({ offer, valid }) => [offer, valid]));
    offers.forEach(({ valid, fields, unknown }, i) => {
      if (valid)
        expect(answers[i]).toEqual({ ...answers[i], type: 'bolt12_offer', fields, ...(unknown && { unknown }) });
      else expect(answers[i]!['fields']).toBeUndefined();
    });
  });

  it('knows every kind, and refuses what is refused for itself', () => {
    const seen = new Set<string>();
    for (const { kind, string, valid, fields } of vectorCases<Case>('extra-bolt12')) {
      const decoded = decodeText(string);
      expect(() => JSON.stringify(decoded)).not.toThrow();
      if (decoded.valid) {
        expect(decoded.type).toBe(`bolt12_${kind}`);
        seen.add(kind);
        if (valid) expect(decoded.fields).toEqual(fields);
      } else if (valid) expect.fail(`${kind} ${string} is refused: ${decoded.error.code}`);
    }
    expect(seen).toEqual(new Set(['offer', 'invoice_request', 'invoice', 'static_invoice']));
  });

  it('reads static invoices as hex, in either case, and says where one breaks', () => {
    for (const { static_invoice_bytes: hex, issuer_id: issuer } of staticInvoices) {
      for (const input of [hex, hex.toUpperCase(), ` ${hex}\n`]) {
        expect(decodeText(input)).toMatchObject({
          input,
          valid: true,
          type: 'bolt12_static_invoice',
          fields: { invoice_node_id: issuer, offer_issuer_id: issuer },
        });
      }
      const cut = decodeText(` ${hex.slice(0, -2)}`);
      expect(cut).toMatchObject({ valid: false, error: { code: 'tlv_value_truncated' } });
      expect(cut.valid || hex.slice(cut.error.position! - 3, cut.error.position! + 1)).toBe('f040');
      expect(decodeText(hex.slice(0, -1)).valid).toBe(false);
    }
    expect(decodeText('00'.repeat(500_000))).toMatchObject({ valid: false, error: { code: 'too_long' } });
  });

  it('shows an offer, a request and invoices to people', async () => {
    const sample = (kind: string, id: string): string => {
      const found = vectorCases<Case & { id: string }>('extra-bolt12').find(
        (one) => one.id === id && one.kind === kind,
      );
      return found!.string;
    };
    const shown = await Promise.all(
      [
        ['offer', 'd-offer-currency-huge'],
        ['invoice_request', 'd-invreq-all-fields'],
        ['invoice', 'd-invoice-two-paths'],
        ['static_invoice', 'd-static-with-amount-offer'],
      ].map(async ([kind, id]) => run(['decode', sample(kind!, id!)])),
    );
    for (const { code, stderr } of shown) expect([code, stderr]).toEqual([0, '']);
    expect(shown[0]!.stdout).toMatch(/^price +5000000000000000000 of the smallest unit of IDR$/m);
    expect(shown[1]!.stdout).toMatch(/^type +BOLT 12 invoice request$/m);
    expect(shown[1]!.stdout).toMatch(/^payer note +\S/m);
    expect(shown[2]!.stdout).toMatch(/^payment paths +2$/m);
    expect(shown[2]!.stdout).toMatch(/^amount +10 sat$/m);
    expect(shown[3]!.stdout).toMatch(/^paths to the payee +\d$/m);
    const bad = await run(['decode', 'lno1pg']);
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toMatch(/^manifold: not a valid offer: .*\(tlv_length_missing\)\n$/);
  });

  it('finds an offer in links, and takes none where an invoice is wanted', () => {
    const { offer, fields } = offers.find(({ valid }) => valid)!;
    for (const input of [
      `lightning:${offer}`,
      `bitcoin:?lno=${offer}`,
      `bitcoin:bc1q?amount=1&LNO=${offer.toUpperCase()}`,
    ]) {
      expect(decodeText(input)).toMatchObject({ input, valid: true, type: 'bolt12_offer', fields });
    }
    expect(readInvoice(offer)).toMatchObject({ ok: false, error: { code: 'unsupported_type' } });
    const broken = `bitcoin:?lno=${offer.slice(0, 20)}b${offer.slice(21)}`;
    expect(decodeText(broken)).toMatchObject({ valid: false, error: { position: 13 + 20 } });
  });
});
