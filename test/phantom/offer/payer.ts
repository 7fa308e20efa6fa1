/** A payer and the relays of a blinded path, by BOLT 4 and the payinfo alone: none of them knows how the path was made. */
import type { PaymentPath } from '../../../src/bolt12/index.js';
import { ec, sha256 } from '../../../src/crypto/index.js';
import {
  buildOnion,
  decodeEncryptedData,
  decodePaymentPayload,
  encodePaymentPayload,
  nextPathKey,
  type PayloadFields,
  peelOnion,
  relayThroughBlindedHop,
  unblindHop,
} from '../../../src/onion/index.js';
import type { JudgedHtlc } from '../../../src/phantom/index.js';
import { equalBytes, toHex, utf8 } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';

/** Secret keys of the nodes named; `nodeId(name)` of ../support.js are their ids. */
export const secretOf = (name: string): Uint8Array => sha256(utf8(name));

export interface Payment {
  readonly paymentHash: Uint8Array;
  readonly amountMsat: bigint;
  /** Default: the amount. */
  readonly totalMsat?: bigint;
  readonly height: number;
  /** Added to the expiry that the payinfo asks for. */
  readonly extraBlocks?: number;
  /** Added to what the payinfo asks for. */
  readonly extraMsat?: bigint;
  /** More or other records for the last hop. */
  readonly final?: Partial<PayloadFields>;
  /** Data for the last hop in place of the path's. */
  readonly finalData?: Uint8Array;
  /** A hop behind the last. */
  readonly onward?: Uint8Array;
}

const SESSION_KEY = new Uint8Array(32).fill(0x41);

interface OnTheWay {
  readonly amountMsat: bigint;
  readonly expiry: number;
  readonly onion: Uint8Array;
}

/** What the payer hands to the introduction node. */
export function payOver({ path, payInfo }: PaymentPath, payment: Payment): OnTheWay {
  const { paymentHash, amountMsat, totalMsat = amountMsat, height, extraBlocks = 0, extraMsat = 0n } = payment;
  if (!('nodeId' in path.firstNode)) throw new Error('this payer knows no channels');
  const last = path.hops.length - 1;
  const first = path.firstNode.nodeId;
  const hops = path.hops.map(({ blindedNodeId, encryptedData }, i) => ({
    nodeId: i === 0 ? first : blindedNodeId,
    payload: encodePaymentPayload({
      encryptedRecipientData: i === last ? (payment.finalData ?? encryptedData) : encryptedData,
      ...(i === 0 && { currentPathKey: path.firstPathKey }),
      ...(i === last && {
        amtToForward: amountMsat,
        outgoingCltvValue: height + extraBlocks,
        totalAmountMsat: totalMsat,
        ...payment.final,
      }),
    }),
  }));
  if (payment.onward) hops.push({ nodeId: payment.onward, payload: new Uint8Array(4) });
  const fee = BigInt(payInfo.feeBaseMsat) + (amountMsat * BigInt(payInfo.feeProportionalMillionths)) / 1_000_000n;
  return {
    amountMsat: amountMsat + fee + extraMsat,
    expiry: height + payInfo.cltvExpiryDelta + extraBlocks,
    onion: buildOnion({ sessionKey: SESSION_KEY, hops, associatedData: paymentHash }).onion,
  };
}

/** What the member shows of it, once the peer before it (if any) has passed it on. */
export function arriveAtMember(
  path: PaymentPath['path'],
  payment: Payment,
  sent: OnTheWay,
  names: readonly string[],
): JudgedHtlc {
  let { amountMsat, expiry, onion } = sent;
  let pathKey: Uint8Array | undefined;
  for (let hop = 0; ; hop++) {
    const secret = names.map(secretOf).find((one) => opens(one, onion, payment.paymentHash, pathKey));
    if (!secret) throw new Error(`hop ${hop} is none of the nodes named`);
    const peeled = peelOnion({
      nodeSecret: secret,
      onion,
      associatedData: payment.paymentHash,
      ...(pathKey && { pathKey }),
    });
    if (!peeled.ok || !peeled.value.next) throw new Error(`hop ${hop} cannot pass the payment on`);
    const context = { final: false, updateAddHasPathKey: pathKey !== undefined };
    const payload = unwrap(decodePaymentPayload(peeled.value.payload, context));
    const unblinded = unwrap(unblindHop(secret, payload.currentPathKey ?? pathKey!, payload.encryptedRecipientData!));
    const data = unwrap(decodeEncryptedData(unblinded.data, 'payment_relay'));
    const { maxCltvExpiry, htlcMinimumMsat } = data.paymentConstraints!;
    if (expiry > maxCltvExpiry || amountMsat < htlcMinimumMsat)
      throw new Error(`hop ${hop}: outside of the constraints`);
    const relayed = unwrap(relayThroughBlindedHop(amountMsat, expiry, data.paymentRelay!));
    const next = nextPathKey(unblinded, data);
    if (hop === path.hops.length - 2) {
      return {
        paymentHash: payment.paymentHash,
        incomingAmountMsat: amountMsat,
        incomingExpiry: expiry,
        outgoingAmountMsat: relayed.amtToForward,
        outgoingExpiry: relayed.outgoingCltvValue,
        outgoingScid: data.shortChannelId!,
        onion: peeled.value.next,
        deadline: expiry - 19,
      };
    }
    ({ amtToForward: amountMsat, outgoingCltvValue: expiry } = relayed);
    onion = peeled.value.next;
    pathKey = next;
  }
}

function opens(
  nodeSecret: Uint8Array,
  onion: Uint8Array,
  associatedData: Uint8Array,
  pathKey: Uint8Array | undefined,
): boolean {
  return peelOnion({ nodeSecret, onion, associatedData, ...(pathKey && { pathKey }) }).ok;
}

/** Both: what the member shows of an honest payment over this path. */
export function htlcOver(paid: PaymentPath, payment: Payment, names: readonly string[]): JudgedHtlc {
  return arriveAtMember(paid.path, payment, payOver(paid, payment), names);
}

/** Path keys as the relays work them out, the phantom's last. */
export function pathKeysOf({ path }: PaymentPath, names: readonly string[]): Uint8Array[] {
  const keys = [path.firstPathKey];
  for (const { encryptedData, blindedNodeId } of path.hops.slice(0, -1)) {
    const pathKey = keys.at(-1)!;
    const opened = names.flatMap((name) => {
      const unblinded = unblindHop(secretOf(name), pathKey, encryptedData);
      return unblinded.ok ? [unblinded.value] : [];
    });
    if (opened.length !== 1) throw new Error('the hop is for none of the nodes named');
    if (!equalBytes(ec.publicKey(opened[0]!.blindedSecret), blindedNodeId)) {
      throw new Error(`the hop is not at ${toHex(blindedNodeId)}`);
    }
    keys.push(nextPathKey(opened[0]!, unwrap(decodeEncryptedData(opened[0]!.data))));
  }
  return keys;
}
