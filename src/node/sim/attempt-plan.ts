/** From an invoice and a hint to one HTLC ready to send: path, amounts, expiries, payloads, onion. */
import { ec } from '../../crypto/index.js';
import { buildOnion } from '../../onion/packet.js';
import { encodePaymentPayload, type PayloadFields } from '../../onion/payload.js';
import type { RouteHintHop } from '../../bolt11/index.js';
import { equalBytes } from '../../wire/bytes.js';
import type { BlockHeight, Msat, PaymentHash } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import { forwardingFee } from './forwarding.js';
import type { SimNetwork } from './network.js';
import type { SimNode } from './node.js';
import type { Mistakes, PayableInvoice } from './payment.js';
import { sessionKey, type Random } from './random.js';
import { edgeKey, findRoute, type RouteStep } from './route.js';

/** What failed before in this payment. */
export interface Avoided {
  readonly edges: Set<string>;
  readonly nodes: Set<string>;
}

export interface AttemptQuery {
  readonly network: SimNetwork;
  readonly source: SimNode;
  readonly random: Random;
  readonly invoice: PayableInvoice;
  /** Empty: the payee is a node of the public graph. */
  readonly hint: readonly RouteHintHop[];
  readonly amountMsat: Msat;
  readonly totalMsat: Msat;
  readonly mistakes: Mistakes;
  readonly avoided: Avoided;
}

export interface AttemptPlan {
  /** The payer's own channel. */
  readonly channel: SimChannel;
  readonly offer: {
    readonly amountMsat: Msat;
    readonly cltvExpiry: BlockHeight;
    readonly paymentHash: PaymentHash;
    readonly onion: Uint8Array;
  };
  readonly sharedSecrets: readonly Uint8Array[];
  /** Real nodes on the way, the payee not among them if it is imaginary. */
  readonly names: readonly string[];
  /** Public channel directions used, in order. */
  readonly edges: readonly string[];
}

/** What a hop is given. */
interface Hop {
  readonly nodeId: Uint8Array;
  readonly payload: PayloadFields;
}

interface Arriving {
  readonly amountMsat: Msat;
  readonly expiry: BlockHeight;
}

/** Undefined if there is no path. */
export function planAttempt(query: AttemptQuery): AttemptPlan | undefined {
  const { network, source, random, invoice, hint, mistakes, avoided } = query;
  const entryId = hint[0]?.nodeId ?? invoice.payee;
  const entry = network.nodes.find(({ nodeId }) => equalBytes(nodeId, entryId));
  if (!entry) return undefined;
  const behind = hopsBehind(query, finalTerms(query));
  const steps = findRoute({
    source,
    destination: entry,
    ...behind.arriving,
    excluded: avoided.edges,
    excludedNodes: avoided.nodes,
    nodeOf: (name) => network.node(name),
  });
  if (!steps || steps.length === 0) return undefined;
  const hops = [...publicHops(steps), ...behind.hops];
  const { onion, sharedSecrets } = buildOnion({
    sessionKey: sessionKey(random),
    hops: hops.map(({ nodeId, payload }) => ({ nodeId, payload: encodePaymentPayload(payload) })),
    associatedData: invoice.paymentHash,
  });
  if (mistakes.garbleByte !== undefined) onion[mistakes.garbleByte]! ^= 1;
  const { channel, amountMsat, expiry } = steps[0]!;
  return {
    channel,
    offer: { amountMsat, cltvExpiry: expiry, paymentHash: invoice.paymentHash, onion },
    sharedSecrets,
    names: namesOf(query, steps),
    edges: steps.map(({ channel: used, side }) => edgeKey(used, side)),
  };
}

/** The real nodes: those of the public path, then those that the hint names behind its first. */
function namesOf({ network, hint }: AttemptQuery, steps: readonly RouteStep[]): string[] {
  const hinted = hint.slice(1).map((hop) => network.nodes.find(({ nodeId }) => equalBytes(nodeId, hop.nodeId))?.name);
  return [...steps.map(({ to }) => to.name), ...hinted.map((name) => name ?? 'unknown')];
}

function finalTerms({ source, random, invoice, amountMsat, mistakes }: AttemptQuery): Arriving {
  const extra = mistakes.extraFinalBlocks ?? random.int(1, 3);
  return { amountMsat, expiry: Math.max(0, source.height + invoice.minFinalCltvExpiryDelta + extra) };
}

/** The hops from the hint's first node to the payee, without that first node's own place in the path. */
function hopsBehind(query: AttemptQuery, final: Arriving): { arriving: Arriving; hops: Hop[] } {
  const { hint, invoice, mistakes, random } = query;
  const payee = mistakes.wrongPayee ? ec.publicKey(sessionKey(random)) : invoice.payee;
  const hops: Hop[] = [{ nodeId: payee, payload: finalPayload(query, final) }];
  if (hint.length === 0) return { arriving: final, hops };
  let arriving = final;
  for (let i = hint.length - 1; i >= 0; i--) {
    const { nodeId, shortChannelId, cltvExpiryDelta } = hint[i]!;
    const isLast = i === hint.length - 1;
    const payload = { amtToForward: arriving.amountMsat, outgoingCltvValue: arriving.expiry, shortChannelId };
    hops.unshift({ nodeId, payload: isLast ? withOuterMistakes(payload, mistakes) : payload });
    arriving = {
      amountMsat: arriving.amountMsat + forwardingFee(hint[i]!, arriving.amountMsat),
      expiry: arriving.expiry + cltvExpiryDelta,
    };
    if (isLast) {
      const { incomingAmountMsat: amountMsat = arriving.amountMsat, incomingExpiry: expiry = arriving.expiry } =
        mistakes;
      arriving = { amountMsat, expiry };
    }
  }
  return { arriving, hops };
}

function withOuterMistakes(
  payload: PayloadFields,
  { outerAmountMsat, outerExpiry, outerScid }: Mistakes,
): PayloadFields {
  return {
    ...payload,
    ...(outerAmountMsat !== undefined && { amtToForward: outerAmountMsat }),
    ...(outerExpiry !== undefined && { outgoingCltvValue: outerExpiry }),
    ...(outerScid !== undefined && { shortChannelId: outerScid }),
  };
}

function finalPayload({ invoice, totalMsat, mistakes }: AttemptQuery, final: Arriving): PayloadFields {
  const { paymentSecret = invoice.paymentSecret, keysendPreimage, customRecords } = mistakes;
  return {
    amtToForward: mistakes.finalAmountMsat ?? final.amountMsat,
    outgoingCltvValue: mistakes.finalExpiry ?? final.expiry,
    ...(!mistakes.withoutPaymentData && { paymentData: { paymentSecret, totalMsat: mistakes.totalMsat ?? totalMsat } }),
    ...(invoice.paymentMetadata && { paymentMetadata: invoice.paymentMetadata }),
    ...(keysendPreimage && { keysendPreimage }),
    ...(customRecords && { customRecords }),
  };
}

/** One hop per public node but the last, which has its place among the hint's hops, or is the payee. */
function publicHops(steps: readonly RouteStep[]): Hop[] {
  return steps.slice(0, -1).map(({ to }, i) => {
    const { channel, amountMsat, expiry } = steps[i + 1]!;
    return {
      nodeId: to.nodeId,
      payload: { amtToForward: amountMsat, outgoingCltvValue: expiry, shortChannelId: channel.scid },
    };
  });
}
