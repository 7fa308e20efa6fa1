/** From a request to pay or to probe, in the words of the API, to an order for the sender. */
import type { Currency } from '../../bolt11/index.js';
import {
  badInvoice,
  type BadOrder,
  type PayOptions,
  probeTerms,
  termsOfInvoice,
  termsOfKeysend,
} from '../../send/request/index.js';
import type { PayOrder, ProbeOrder } from '../../send/run/types.js';
import { EXEMPT_FEE_MSAT } from '../../send/index.js';
import { type DecodeError, err, ok, type Result } from '../../wire/result.js';
import type { BlockDelta, Millis, Msat, NodeId, Preimage } from '../../wire/units.js';
import { compact } from '../compact.js';
import { readInvoice } from '../decode.js';
import type { ServiceError } from '../service-error.js';

/** Records beside the preimage, by their type. */
export interface CustomRecord {
  readonly type: bigint;
  readonly value: Uint8Array;
}

export interface KeysendRequest {
  readonly destination: NodeId;
  readonly records: readonly CustomRecord[];
}

/** What payments and probes have in common. */
export interface Limits {
  readonly amountMsat?: Msat;
  readonly maxFeeMsat?: Msat;
  /** Percent of the amount; not together with `maxFeeMsat`. */
  readonly maxFeePercent?: number;
  readonly maxParts?: number;
  /** Between now and the expiry of any part. */
  readonly maxBlocks?: BlockDelta;
  readonly timeoutSeconds?: number;
  readonly from?: readonly string[];
}

export interface PayRequest extends Limits {
  /** Exactly one of this and `keysend`. */
  readonly invoice?: string;
  readonly keysend?: KeysendRequest;
  readonly reference?: string;
}

export interface ProbeRequest extends Limits {
  /** Exactly one of this and `destination`. */
  readonly invoice?: string;
  readonly destination?: NodeId;
  readonly precisionPercent?: number;
}

/** What the operator's configuration says where the request does not. */
export interface PayDefaults {
  readonly maxFeePercent?: number;
  readonly maxParts?: number;
  readonly timeoutSeconds?: number;
}

export interface RequestContext {
  readonly now: Millis;
  readonly currency: Currency;
  readonly ownNodeIds: readonly NodeId[];
  readonly isOwnPhantom: (id: NodeId) => boolean;
  readonly defaults: PayDefaults;
  /** Names of the nodes that can send. */
  readonly names: readonly string[];
  /** Of a keysend. */
  readonly preimage: () => Preimage;
}

/** Why a request is refused before the sender sees it. */
export interface BadRequest extends ServiceError {
  readonly field?: string;
}

export function payOrder(request: PayRequest, context: RequestContext): Result<PayOrder, BadRequest> {
  const { from, reference, keysend } = request;
  const strangers = unknownNodes(from, context.names);
  if (strangers) return err(strangers);
  const about = compact({ from: from && [...new Set(from)], reference });
  if (keysend) return keysendOrder(request, keysend, about, context);
  const read = readInvoice(request.invoice ?? '');
  if (!read.ok) return notAnInvoice(read.error);
  const { invoice, text } = read.value;
  const terms = termsOfInvoice(invoice, optionsOf(request, invoice.amountMsat, context.defaults), context);
  if (!terms.ok) return inOurWords(terms.error);
  const description = invoice.description;
  return ok({ terms: terms.value, request: { kind: 'invoice', bolt11: text, ...compact({ description }), ...about } });
}

function keysendOrder(
  request: PayRequest,
  { destination, records }: KeysendRequest,
  about: Partial<PayOrder['request']>,
  context: RequestContext,
): Result<PayOrder, BadRequest> {
  const { amountMsat } = request;
  if (amountMsat === undefined) {
    const message = 'a keysend has no invoice that names an amount: say how much';
    return err({ code: 'amount_missing', message, field: 'amount_msat' });
  }
  const { amountMsat: _amount, ...options } = optionsOf(request, amountMsat, context.defaults);
  const keysend = { destination, amountMsat, preimage: context.preimage(), records };
  const terms = termsOfKeysend(keysend, options, context);
  return terms.ok
    ? ok({ terms: terms.value, request: { kind: 'keysend', ...about } })
    : inOurWords(terms.error, 'keysend.');
}

/** Tried first if no greatest amount is named: more than most channels hold, so that the probe finds the limit. */
const DEFAULT_PROBE_MSAT: Msat = 1_000_000_000n;

export function probeOrder(request: ProbeRequest, context: RequestContext): Result<ProbeOrder, BadRequest> {
  const { from, destination, precisionPercent } = request;
  const strangers = unknownNodes(from, context.names);
  if (strangers) return err(strangers);
  const more = compact({ from: from && [...new Set(from)], precisionPercent });
  if (destination) {
    const amountMsat = request.amountMsat ?? DEFAULT_PROBE_MSAT;
    const terms = probeTerms({ destination, amountMsat }, optionsOf(request, amountMsat, context.defaults), context);
    return terms.ok ? ok({ terms: terms.value, ...more }) : inOurWords(terms.error);
  }
  const read = readInvoice(request.invoice ?? '');
  if (!read.ok) return notAnInvoice(read.error);
  const { invoice } = read.value;
  const amountMsat = request.amountMsat ?? invoice.amountMsat ?? DEFAULT_PROBE_MSAT;
  const terms = probeTerms({ invoice }, { ...optionsOf(request, amountMsat, context.defaults), amountMsat }, context);
  return terms.ok ? ok({ terms: terms.value, ...more }) : inOurWords(terms.error);
}

/** Everything but a fee in percent, which needs the amount: the payee's, else the payer's. */
export function optionsOf(request: Limits, promisedMsat: Msat | undefined, defaults: PayDefaults): PayOptions {
  const amount = promisedMsat ?? request.amountMsat;
  const timeoutSeconds = request.timeoutSeconds ?? defaults.timeoutSeconds;
  return compact({
    amountMsat: request.amountMsat,
    maxFeeMsat: request.maxFeeMsat ?? (amount === undefined ? undefined : feeShareOf(amount, request, defaults)),
    maxParts: request.maxParts ?? defaults.maxParts,
    maxBlocks: request.maxBlocks,
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
  });
}

/** What the payer says is meant as said. What the configuration says leaves small payments a fee that somebody takes. */
function feeShareOf(amountMsat: Msat, { maxFeePercent }: Limits, defaults: PayDefaults): Msat | undefined {
  if (maxFeePercent !== undefined) return percentOf(amountMsat, maxFeePercent);
  if (defaults.maxFeePercent === undefined) return undefined;
  const share = percentOf(amountMsat, defaults.maxFeePercent);
  return share < EXEMPT_FEE_MSAT ? EXEMPT_FEE_MSAT : share;
}

function percentOf(amountMsat: Msat, percent: number): Msat {
  return (amountMsat * BigInt(Math.round(percent * 1_000_000))) / 100_000_000n;
}

function unknownNodes(from: readonly string[] | undefined, names: readonly string[]): BadRequest | undefined {
  const unknown = from?.find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  const known = names.length === 0 ? 'no node here can send' : `there are ${names.join(', ')}`;
  return { code: 'unknown_node', message: `no own node that can send is called "${unknown}"; ${known}`, field: 'from' };
}

function notAnInvoice(error: DecodeError): Result<never, BadRequest> {
  return err(error.code === 'unsupported_type' ? { ...error, field: 'invoice' } : badInvoice(error));
}

const FIELDS: Readonly<Record<string, string>> = {
  amountMsat: 'amount_msat',
  maxFeeMsat: 'max_fee_msat',
  maxParts: 'max_parts',
  maxBlocks: 'max_blocks',
  timeoutMs: 'timeout_seconds',
  records: 'custom_records',
};

/** @param within where fields of the payee stand in the request */
function inOurWords({ code, message, field }: BadOrder, within = ''): Result<never, BadRequest> {
  if (field === undefined) return err({ code, message });
  const isOfPayee = field === 'destination' || field === 'records';
  return err({ code, message, field: (isOfPayee ? within : '') + (FIELDS[field] ?? field) });
}
