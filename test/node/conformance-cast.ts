/** Who plays in the port conformance suite: a listener at a member, and a phantom of our own behind it. */
import { ec, randomBytes, sha256 } from '../../src/crypto/index.js';
import { originateFailure } from '../../src/onion/failure-packet.js';
import { peelOnion } from '../../src/onion/peel.js';
import type { FinalResult, HtlcKey, InterceptedHtlc, InterceptSession, NodePort } from '../../src/receive/node-port.js';
import type { BlockHeight } from '../../src/wire/units.js';
import type { HtlcOrder } from './conformance.js';

export const PHANTOM_SCID = (1n << 63n) | 4711n;

/** A session with everything it delivered. */
export class Listener {
  readonly htlcs: InterceptedHtlc[] = [];
  readonly finals: FinalResult[] = [];
  readonly heights: BlockHeight[] = [];
  readonly closed: string[] = [];
  session!: InterceptSession;

  static async open(port: NodePort): Promise<Listener> {
    const listener = new Listener();
    listener.session = await port.intercept!.open({
      onHtlc: (htlc) => listener.htlcs.push(htlc),
      onFinal: (result) => listener.finals.push(result),
      onHeight: (height) => listener.heights.push(height),
      onClosed: (reason) => listener.closed.push(reason),
    });
    return listener;
  }

  finalOf({ channelId, htlcId }: HtlcKey): FinalResult | undefined {
    return this.finals.find(({ key }) => key.channelId === channelId && key.htlcId === htlcId);
  }
}

/** A payment to a phantom of our own. */
export class Phantom {
  readonly preimage = randomBytes(32);
  readonly paymentHash = sha256(this.preimage);
  readonly paymentSecret = randomBytes(32);
  readonly secret = randomBytes(32);
  readonly payee = ec.publicKey(this.secret);

  order(to: 0 | 1, changes: Partial<HtlcOrder> = {}): HtlcOrder {
    const { paymentHash, paymentSecret, payee } = this;
    const terms = { outgoingScid: PHANTOM_SCID, amountMsat: 25_000_000n, feeMsat: 1_000n, cltvDelta: 45 };
    return { to, paymentHash, paymentSecret, payee, ...terms, ...changes };
  }

  peel({ onion, paymentHash }: InterceptedHtlc): ReturnType<typeof peelOnion> {
    return peelOnion({ nodeSecret: this.secret, onion, associatedData: paymentHash });
  }

  failure(htlc: InterceptedHtlc, message: Uint8Array): Uint8Array {
    const peeled = this.peel(htlc);
    if (!peeled.ok) throw new Error(peeled.error.message);
    return originateFailure(peeled.value.sharedSecret, message);
  }
}
