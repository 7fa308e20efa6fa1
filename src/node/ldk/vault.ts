/**
 * How an LDK node settles an HTLC that it intercepted: LDK has no such call, but takes a preimage from the next hop. The
 * vault is that next hop: a node of its own, one private channel away, that accepts exactly the HTLCs it was told to
 * expect and releases exactly the preimage it was given.
 */
import type { UpdateAddHTLC } from 'lightningdevkit';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { PaymentHash, PaymentSecret, Preimage } from '../../wire/units.js';
import { openChannel } from './channel.js';
import { withOnion } from './htlc-messages.js';
import { finalOnion } from './intercept-onion.js';
import { expectOk } from './library.js';
import { LdkNode } from './node.js';

const SECRET_EXPIRY_SECONDS = 7200;

export class Vault {
  readonly node: LdkNode;
  readonly #secrets: Map<string, PaymentSecret>;
  /** Last settlement of each payment hash: LDK knows only one payment per hash at a time. */
  readonly #last = new Map<string, Promise<void>>();

  private constructor(node: LdkNode, secrets: Map<string, PaymentSecret>) {
    this.node = node;
    this.#secrets = secrets;
  }

  /** Starts the vault of `front` with a channel from it. Settled amounts move to the vault's side. */
  static async attach(front: LdkNode, capacitySats: bigint): Promise<Vault> {
    const secrets = new Map<string, PaymentSecret>();
    const { world } = front;
    const node = await LdkNode.start(world, {
      name: `${front.name}-vault`,
      autoClaim: false,
      hooks: { addHtlc: (message) => readdress(node, message, secrets.get(toHex(message.get_payment_hash()))) },
    });
    await front.connect(node);
    await openChannel(front, node, { capacitySats });
    return new Vault(node, secrets);
  }

  /**
   * Settles one HTLC: `forward` has to send it to the vault now, or to answer false if it no longer exists. Settlements of
   * one payment hash run one after another.
   * @throws {LdkTimeout} if the HTLC does not arrive or is refused
   */
  settle(paymentHash: PaymentHash, preimage: Preimage, forward: () => boolean): Promise<void> {
    const name = toHex(paymentHash);
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(() => this.#settle(paymentHash, preimage, forward));
    this.#last.set(name, turn);
    const forget = (): void => {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    };
    turn.then(forget, forget);
    return turn;
  }

  async #settle(paymentHash: PaymentHash, preimage: Preimage, forward: () => boolean): Promise<void> {
    const { node } = this;
    const { ldk } = node;
    this.#secrets.set(toHex(paymentHash), this.#secretFor(paymentHash));
    const since = node.events.length;
    const isOurs = (event: { readonly payment_hash: Uint8Array }): boolean =>
      equalBytes(event.payment_hash, paymentHash);
    if (forward()) {
      await node.waitForEvent(ldk.Event_PaymentClaimable, isOurs, since);
      node.claim(preimage);
      await node.waitForEvent(ldk.Event_PaymentClaimed, isOurs, since);
    }
    this.#secrets.delete(toHex(paymentHash));
  }

  #secretFor(paymentHash: PaymentHash): PaymentSecret {
    const { ldk, stack } = this.node;
    const anyAmount = ldk.Option_u64Z.constructor_none();
    const anyExpiry = ldk.Option_u16Z.constructor_none();
    const { manager } = stack;
    const secret = manager.create_inbound_payment_for_hash(paymentHash, anyAmount, SECRET_EXPIRY_SECONDS, anyExpiry);
    return expectOk(secret, ldk.Result_ThirtyTwoBytesNoneZ_OK, 'a payment secret').res;
  }
}

/**
 * The phantom's onion cannot be read here, and need not: the decision is taken. In its place comes one that pays the vault
 * this HTLC as a whole. HTLCs that nobody announced keep their onion and fail.
 */
function readdress(vault: LdkNode, message: UpdateAddHTLC, paymentSecret: PaymentSecret | undefined): UpdateAddHTLC {
  if (!paymentSecret) return message;
  const onion = finalOnion({
    nodeId: vault.id,
    amountMsat: message.get_amount_msat(),
    expiry: message.get_cltv_expiry(),
    paymentHash: message.get_payment_hash(),
    paymentSecret,
  });
  return withOnion(vault.ldk, message, onion);
}
