/** LDK phantom vectors: invoices of both versions, and refused ones. */
import { type Currency, decodeInvoice } from '../../src/bolt11/index.js';
import { ec } from '../../src/crypto/index.js';
import {
  ClusterKeys,
  createLdkPhantomInvoice,
  LDK_0_1,
  LDK_0_2,
  type LdkInvoiceConstants,
  type LdkInvoiceParams,
  type LdkPhantomInvoice,
  type PhantomInvoiceError,
  phantomRouteHintsOfJson,
} from '../../src/phantom/index.js';
import { type Result } from '../../src/wire/result.js';
import { big, good, hex, type Json, listAt, maybe, number, objectAt, same, text, Unknown } from './ldk-json.js';

const CURRENCIES: Readonly<Record<string, Currency>> = {
  mainnet: 'bc',
  testnet: 'tb',
  signet: 'tbs',
  regtest: 'bcrt',
};

function invoiceParams(vector: Json, constants: LdkInvoiceConstants): LdkInvoiceParams {
  const currency = CURRENCIES[text(vector, 'network')];
  if (!currency) throw new Unknown(`network ${text(vector, 'network')}`);
  const descriptionHash = maybe(vector, 'description_hash', hex);
  return {
    keys: new ClusterKeys(hex(vector, 'cross_node_seed')),
    constants,
    currency,
    amountMsat: maybe(vector, 'amount_msat', big),
    about: descriptionHash ? { descriptionHash } : { description: text(vector, 'description') },
    paymentHash: maybe(vector, 'user_payment_hash', hex),
    expirySeconds: number(vector, 'expiry_seconds'),
    now: number(vector, 'timestamp'),
    nodes: listAt(vector, 'participating_nodes').map((node) => good(phantomRouteHintsOfJson(node))),
    // Plays no part with a user's hash.
    entropy: maybe(vector, 'entropy_32_bytes', hex) ?? new Uint8Array(32),
    minFinalCltv: maybe(vector, 'custom_min_final_cltv_expiry_delta', number),
  };
}

const LDK_ERRORS: Readonly<Record<string, string>> = {
  invalid_amount: 'InvalidAmount',
  min_final_cltv_too_short: 'MinFinalCltvExpiryDeltaTooShort',
  missing_route_hints: 'MissingRouteHints',
};

/** `LDKCreationError_InvalidAmount` and `CreationError(InvalidAmount)` name the same error. */
function expectCreationError(made: Result<LdkPhantomInvoice, PhantomInvoiceError>, named: string): void {
  const wanted = /CreationError[_(](\w+)/.exec(named)?.[1] ?? named;
  same('creation error', made.ok ? 'accepted' : (LDK_ERRORS[made.error.code] ?? made.error.code), wanted);
}

export function phantomInvoice(vector: Json): void {
  const expected = objectAt(vector, 'expected');
  const headError = maybe(expected, 'ldk_head_error', text);
  const byHead = createLdkPhantomInvoice(invoiceParams(vector, LDK_0_2));
  if (headError) expectCreationError(byHead, headError);
  else if (expected['invoice_by_ldk_head'] !== undefined)
    same('invoice', good(byHead).invoice, expected['invoice_by_ldk_head']);

  if (!expected['invoice']) return;
  const made = good(createLdkPhantomInvoice(invoiceParams(vector, LDK_0_1)));
  same('invoice of 0.1', made.invoice, expected['invoice']);
  same('phantom node id', made.phantomNodeId, expected['phantom_node_id']);
  same('hash', made.paymentHash, expected['payment_hash']);
  same('secret', made.paymentSecret, expected['payment_secret']);
  // The vectors name the user's preimage too, which the maker of the invoice never sees.
  if (!vector['user_payment_hash']) same('preimage', made.preimage, expected['payment_preimage']);

  const decoded = good(decodeInvoice(made.invoice));
  same('payee', decoded.payee, expected['phantom_node_id']);
  same('signed hash', decoded.signingHash, expected['signable_digest']);
  same('features', decoded.features, expected['feature_bits']);
  same('final CLTV', decoded.minFinalCltvExpiryDelta, expected['invoice_min_final_cltv']);
  const hints = decoded.routeHints.map((hops) =>
    hops.map((hop) => ({
      src_node_id: hop.nodeId,
      short_channel_id: hop.shortChannelId,
      fee_base_msat: hop.feeBaseMsat,
      fee_proportional_millionths: hop.feeProportionalMillionths,
      cltv_expiry_delta: hop.cltvExpiryDelta,
    })),
  );
  same('hints', hints, expected['route_hints']);
}

/** These vectors have only names; the inputs are what the names say. */
const ERROR_INPUTS: Readonly<Record<string, Partial<LdkInvoiceParams>>> = {
  amount_times_ten_over_64_bits: { amountMsat: 1_844_674_407_370_955_162n },
  cltv_too_short: { minFinalCltv: 20 },
  no_nodes: { nodes: [] },
  amount_above_21M_btc: { amountMsat: 2_100_000_000_000_000_001n },
  user_hash_amount_above_21M_btc: { amountMsat: 2_100_000_000_000_000_001n, paymentHash: new Uint8Array(32).fill(9) },
};

export function invoiceError(vector: Json): void {
  const input = ERROR_INPUTS[text(vector, 'name')];
  if (!input) throw new Unknown(`input of ${text(vector, 'name')}`);
  const nodeId = ec.publicKey(new Uint8Array(32).fill(1));
  const params: LdkInvoiceParams = {
    keys: new ClusterKeys(new Uint8Array(32)),
    constants: LDK_0_1,
    currency: 'bcrt',
    amountMsat: 5000n,
    about: { description: '' },
    expirySeconds: 3600,
    now: 1_700_000_000,
    nodes: [{ nodeId, phantomScid: 1n << 40n, channels: [] }],
    entropy: new Uint8Array(32),
  };
  good(createLdkPhantomInvoice(params));
  expectCreationError(createLdkPhantomInvoice({ ...params, ...input }), text(vector, 'creation_error'));
}
