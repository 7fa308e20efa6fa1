/** Paying BOLT 11 invoices from an LDK node, and what LDK itself says about the outcome. */
import type {
  Bolt11Invoice,
  Path,
  RecipientOnionFields,
  RouteHint,
  RouteHintHop,
  RouteParameters,
} from 'lightningdevkit';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { Msat, PaymentHash, Preimage } from '../../wire/units.js';
import { expectOk, LdkRefused } from './library.js';
import type { LdkNode } from './node.js';

/** A failure as LDK decoded it from a return packet. */
export interface DecodedFailure {
  /** Hex id of the hop that LDK blames. */
  readonly blamedNodeId: string;
  /** LDK's name of the code. */
  readonly name: string;
  readonly code: number;
}

export type PaymentOutcome =
  | {
      readonly paid: true;
      readonly preimage: Preimage;
      readonly feeMsat: Msat;
      readonly failures: readonly DecodedFailure[];
    }
  | { readonly paid: false; readonly failures: readonly DecodedFailure[] };

export interface LdkPayment {
  readonly paymentHash: PaymentHash;
  /** Failures decoded so far by the payer since this payment began. */
  readonly failures: readonly DecodedFailure[];
  /** @throws {LdkTimeout} */
  outcome(timeoutMs?: number): Promise<PaymentOutcome>;
}

export interface PayOptions {
  /** For invoices without an amount. */
  readonly amountMsat?: Msat;
  /** Retries after the first attempt; 0 by default. */
  readonly retries?: number;
  /** Replaces the invoice's payment secret, to see a wrong one refused. */
  readonly paymentSecret?: Uint8Array;
  /** Pays an invoice that the payer's own clock calls expired. */
  readonly ignoreExpiry?: boolean;
}

export interface PayPartsOptions {
  /** One part per entry: the index of the invoice's route hint, and the amount that arrives. */
  readonly parts: readonly { readonly hint: number; readonly amountMsat: Msat }[];
  /** Blocks on top of the invoice's final CLTV; 6 by default. */
  readonly extraFinalCltv?: number;
}

/**
 * Pays along routes that LDK finds, in as many parts as it likes.
 * @throws {LdkRefused} if the string is bad or LDK finds no route to begin with
 */
export function payInvoice(payer: LdkNode, bolt11: string, options: PayOptions = {}): LdkPayment {
  const { ldk } = payer;
  const invoice = readInvoice(payer, bolt11);
  const { paymentHash, onion, route } = parameters(payer, invoice, options.amountMsat);
  if (options.ignoreExpiry) {
    const params = route.get_payment_params();
    params.set_expiry_time(ldk.Option_u64Z.constructor_none());
    route.set_payment_params(params);
  }
  const { paymentSecret } = options;
  const recipient = paymentSecret ? ldk.RecipientOnionFields.constructor_secret_only(paymentSecret) : onion;
  const retry = ldk.Retry.constructor_attempts(options.retries ?? 0);
  return track(payer, paymentHash, () => {
    const sent = payer.stack.manager.send_payment(paymentHash, recipient, paymentHash, route, retry);
    expectOk(sent, ldk.Result_NoneRetryableSendFailureZ_OK, 'to send a payment');
  });
}

/**
 * Pays in parts of the caller's choice, each over a named route hint whose first hop is a peer of the payer. The invoice
 * need not allow parts.
 * @throws {LdkRefused} on an unusable hint
 */
export function payInParts(payer: LdkNode, bolt11: string, { parts, extraFinalCltv = 6 }: PayPartsOptions): LdkPayment {
  const { ldk } = payer;
  const invoice = readInvoice(payer, bolt11);
  const total = parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  const { paymentHash, onion, route: routeParameters } = parameters(payer, invoice, total);
  const hints = invoice.route_hints();
  const finalCltv = Number(invoice.min_final_cltv_expiry_delta()) + extraFinalCltv;
  const paths = parts.map(({ hint, amountMsat }) => {
    const chosen = hints[hint];
    if (!chosen) throw new LdkRefused(`a part over route hint ${hint}`, `the invoice has ${hints.length}`);
    return pathAlong(payer, invoice, chosen, amountMsat, finalCltv);
  });
  const route = ldk.Route.constructor_new(paths, routeParameters);
  return track(payer, paymentHash, () => {
    const sent = payer.stack.manager.send_payment_with_route(route, paymentHash, onion, paymentHash);
    expectOk(sent, ldk.Result_NoneRetryableSendFailureZ_OK, 'to send a payment in parts');
  });
}

function readInvoice({ ldk }: LdkNode, bolt11: string): Bolt11Invoice {
  const read = ldk.Bolt11Invoice.constructor_from_str(bolt11);
  return expectOk(read, ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK, 'to read an invoice').res;
}

interface Parameters {
  readonly paymentHash: PaymentHash;
  readonly onion: RecipientOnionFields;
  readonly route: RouteParameters;
}

function parameters({ ldk }: LdkNode, invoice: Bolt11Invoice, amountMsat: Msat | undefined): Parameters {
  const hasAmount = invoice.amount_milli_satoshis() instanceof ldk.Option_u64Z_Some;
  const made = hasAmount
    ? ldk.UtilMethods.constructor_payment_parameters_from_invoice(invoice)
    : ldk.UtilMethods.constructor_payment_parameters_from_variable_amount_invoice(invoice, amountMsat ?? 0n);
  const okClass = ldk.Result_C3Tuple_ThirtyTwoBytesRecipientOnionFieldsRouteParametersZNoneZ_OK;
  const { res } = expectOk(made, okClass, 'payment parameters of the invoice');
  return { paymentHash: res.get_a(), onion: res.get_b(), route: res.get_c() };
}

/** In LDK a hop's fee and delta are those of the channel behind it; the last hop has amount and final delta there. */
function pathAlong(payer: LdkNode, invoice: Bolt11Invoice, hint: RouteHint, amountMsat: Msat, finalCltv: number): Path {
  const { ldk } = payer;
  const hops = hint.get_a();
  const [firstChannel] = hops[0] ? payer.channelsWith(hops[0].get_src_node_id()) : [];
  const firstScid = firstChannel?.get_outbound_payment_scid();
  if (!(firstScid instanceof ldk.Option_u64Z_Some)) {
    throw new LdkRefused('a part over a route hint', 'its first node is no peer of the payer');
  }
  const scids = [firstScid.some, ...hops.map((hop) => hop.get_short_channel_id())];
  const nodeIds = [...hops.map((hop) => hop.get_src_node_id()), invoice.recover_payee_pub_key()];
  const deltas = [...hops.map((hop) => hop.get_cltv_expiry_delta()), finalCltv];
  const fees = [...feesAlong(hops, amountMsat), amountMsat];
  const noFeatures = () => ldk.NodeFeatures.constructor_empty();
  const noChannelFeatures = () => ldk.ChannelFeatures.constructor_empty();
  const routeHops = nodeIds.map((id, i) =>
    ldk.RouteHop.constructor_new(id, noFeatures(), scids[i]!, noChannelFeatures(), fees[i]!, deltas[i]!, false),
  );
  return ldk.Path.constructor_new(routeHops, null);
}

/** What each hop of a hint asks for, in route order: later fees are forwarded and so part of what earlier hops charge on. */
function feesAlong(hops: readonly RouteHintHop[], amountMsat: Msat): Msat[] {
  const fees: Msat[] = [];
  let forwarded = amountMsat;
  for (const hop of [...hops].reverse()) {
    const policy = hop.get_fees();
    const base = BigInt(policy.get_base_msat());
    const fee = base + (forwarded * BigInt(policy.get_proportional_millionths())) / 1_000_000n;
    fees.unshift(fee);
    forwarded += fee;
  }
  return fees;
}

function track(payer: LdkNode, paymentHash: PaymentHash, send: () => void): LdkPayment {
  const { ldk, world } = payer;
  const failures: DecodedFailure[] = [];
  const stopListening = payer.onLogLine((line) => {
    const failure = readFailure(line);
    if (failure) failures.push(failure);
  });
  const already = payer.events.length; // the same hash may have failed before
  try {
    send();
  } catch (refused) {
    stopListening();
    throw refused;
  }
  const isOurs = (hash: Uint8Array): boolean => equalBytes(hash, paymentHash);
  const result = (): PaymentOutcome | undefined => {
    for (const event of payer.events.slice(already)) {
      if (event instanceof ldk.Event_PaymentSent && isOurs(event.payment_hash)) {
        const fee = event.fee_paid_msat;
        const feeMsat = fee instanceof ldk.Option_u64Z_Some ? fee.some : 0n;
        return { paid: true, preimage: event.payment_preimage, feeMsat, failures };
      }
      if (event instanceof ldk.Event_PaymentFailed && isOurs(event.payment_id)) return { paid: false, failures };
    }
    return undefined;
  };
  return {
    paymentHash,
    failures,
    async outcome(timeoutMs) {
      const found = await world.until(result, `the outcome of payment ${toHex(paymentHash)}`, timeoutMs);
      stopListening();
      return found;
    },
  };
}

/** LDK 0.1 has no event with the failure code, only this line of its log. */
const FAILURE_LINE = /Onion Error\[from ([0-9a-f]{66}): (\w+)\((0x[0-9a-f]+)\)\]/;

function readFailure(line: string): DecodedFailure | undefined {
  const match = FAILURE_LINE.exec(line);
  return match ? { blamedNodeId: match[1]!, name: match[2]!, code: Number(match[3]) } : undefined;
}
