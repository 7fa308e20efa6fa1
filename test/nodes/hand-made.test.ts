import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeInvoice, type Invoice } from '../../src/bolt11/index.js';
import { randomBytes } from '../../src/crypto/index.js';
import { getInfo } from '../../src/node/lnd/rpc/node.js';
import { equalBytes } from '../../src/wire/bytes.js';
import { type AttemptView, HandPayment, type HandRoute, LndFailure } from './sender.js';
import { Shop } from './shop.js';

/** What an onion that is in order has in each place; a test changes one. */
interface Terms {
  readonly invoice: Invoice;
  sentMsat: bigint;
  sentExpiry: number;
  outerMsat: bigint;
  outerExpiry: number;
  innerMsat: bigint;
  innerExpiry: number;
  totalMsat: bigint;
  paymentSecret: Uint8Array;
  payee: Uint8Array;
  scid: bigint;
}

const AMOUNT = 40_000_000n;
const PAYEE = 2;
const MEMBER = 1;
const { incorrectOrUnknownPaymentDetails, finalIncorrectHtlcAmount, finalIncorrectCltvExpiry } = LndFailure;

describe('onions made by hand', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = (await Shop.open())!;
  });
  afterAll(() => shop.close());

  const terms = async (): Promise<Terms> => {
    const { bolt11 } = await shop.daemon.invoice({ amount_msat: String(AMOUNT) });
    const decoded = decodeInvoice(bolt11);
    if (!decoded.ok) throw new Error(decoded.error.message);
    const invoice = decoded.value;
    const hint = invoice.routeHints
      .map((hops) => hops.at(-1)!)
      .find(({ nodeId }) => equalBytes(nodeId, shop.alpha.nodeId))!;
    const { blockHeight } = await shop.payer.client.call(getInfo, {});
    const expiry = blockHeight + invoice.minFinalCltvExpiryDelta + 1;
    return {
      invoice,
      sentMsat: AMOUNT,
      sentExpiry: expiry + hint.cltvExpiryDelta,
      outerMsat: AMOUNT,
      outerExpiry: expiry,
      innerMsat: AMOUNT,
      innerExpiry: expiry,
      totalMsat: AMOUNT,
      paymentSecret: invoice.paymentSecret,
      payee: invoice.payee,
      scid: hint.shortChannelId,
    };
  };

  const pay = (made: Terms): Promise<AttemptView> => {
    const route: HandRoute = {
      paymentHash: made.invoice.paymentHash,
      paymentSecret: made.paymentSecret,
      sentMsat: made.sentMsat,
      sentExpiry: made.sentExpiry,
      totalMsat: made.totalMsat,
      hops: [
        {
          scid: shop.net.scid('payer', 'alpha'),
          nodeId: shop.alpha.nodeId,
          amountMsat: made.outerMsat,
          expiry: made.outerExpiry,
        },
        { scid: made.scid, nodeId: made.payee, amountMsat: made.innerMsat, expiry: made.innerExpiry },
      ],
    };
    return new HandPayment(shop.payer, route).ended;
  };

  it('are paid when they are in order', async () => {
    const made = await terms();
    expect(await pay(made)).toMatchObject({ outcome: 'settled' });
  });

  const refused: readonly (readonly [what: string, change: (terms: Terms) => void, source: number, code: number])[] = [
    ['a wrong payment secret', (t) => (t.paymentSecret = randomBytes(32)), PAYEE, incorrectOrUnknownPaymentDetails],
    [
      'less than the invoice asks',
      (t) => (t.sentMsat = t.outerMsat = t.innerMsat = t.totalMsat = AMOUNT - 1n),
      PAYEE,
      incorrectOrUnknownPaymentDetails,
    ],
    ['one millisatoshi less than the outer layer says', (t) => (t.sentMsat -= 1n), PAYEE, finalIncorrectHtlcAmount],
    ['a thousandth of what the outer layer says', (t) => (t.sentMsat /= 1000n), PAYEE, finalIncorrectHtlcAmount],
    [
      'an outer layer below the inner one',
      (t) => (t.sentMsat = t.outerMsat = AMOUNT - 1n),
      PAYEE,
      finalIncorrectHtlcAmount,
    ],
    ['the largest u64 in the outer layer', (t) => (t.outerMsat = -1n), PAYEE, finalIncorrectHtlcAmount],
    ['2^63 in the outer layer', (t) => (t.outerMsat = -(1n << 63n)), PAYEE, finalIncorrectHtlcAmount],
    [
      'the largest u64 in both layers',
      (t) => (t.outerMsat = t.innerMsat = t.totalMsat = -1n),
      PAYEE,
      finalIncorrectHtlcAmount,
    ],
    ['the largest u64 as the total', (t) => (t.totalMsat = -1n), PAYEE, incorrectOrUnknownPaymentDetails],
    ['amounts whose sum wraps', (t) => (t.outerMsat = -AMOUNT), PAYEE, finalIncorrectHtlcAmount],
    [
      'an outer expiry beyond the one paid for',
      (t) => (t.outerExpiry = t.innerExpiry = t.sentExpiry + 1),
      PAYEE,
      finalIncorrectCltvExpiry,
    ],
    ['the largest expiry in the outer layer', (t) => (t.outerExpiry = 0xffff_ffff), PAYEE, finalIncorrectCltvExpiry],
    ['another expiry in the inner layer', (t) => (t.innerExpiry += 5), PAYEE, finalIncorrectCltvExpiry],
    [
      'an expiry that is too near',
      (t) => (t.outerExpiry = t.innerExpiry -= 70),
      PAYEE,
      incorrectOrUnknownPaymentDetails,
    ],
    ['an onion for somebody else', (t) => (t.payee = shop.beta.nodeId), MEMBER, LndFailure.invalidOnionHmac],
    ['a channel that nobody has', (t) => (t.scid ^= 1n << 20n), MEMBER, LndFailure.unknownNextPeer],
  ];

  it.each(refused)('with %s are refused', async (_what, change, source, code) => {
    const made = await terms();
    change(made);
    const view = await pay(made);
    expect(view).toEqual({ outcome: 'failed', source, code });
    expect(await shop.daemon.node('alpha')).toMatchObject({ state: 'live' });
    // The same payer, in order, is still served.
    expect(await pay(await terms())).toMatchObject({ outcome: 'settled' });
  });
});
