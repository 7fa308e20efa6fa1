/** Paying somebody who has asked for nothing. */
import { sha256 } from '../../crypto/index.js';
import { toHex } from '../../wire/bytes.js';
import { claimEqual } from '../claim.js';
import { claimPaidOutside, seconds } from '../evidence.js';
import type { SimulatedScenario } from '../scenario.js';

export const sendKeysend: SimulatedScenario = {
  name: 'send-keysend',
  title: 'a payment without an invoice: the payer makes the preimage, the payee finds it in the onion',
  time: 'virtual',
  async run(world) {
    const wallet = await world.wallet('carol');
    const dave = world.sim.network.node('dave');
    const amountMsat = world.drawAmount(1_000, 400_000);
    const preimage = world.random.bytes(32);
    const payment = await wallet.keysend({ destination: dave.nodeId, amountMsat, preimage });
    const received = await claimPaidOutside(world, dave, { paymentHash: sha256(preimage), amountMsat }, payment);
    claimEqual(received.length, 1, 'parts: nothing tells the payee which would belong together');
    claimEqual(payment.preimage, toHex(preimage), 'the preimage that came back');
    return {
      payer: 'carol',
      payee: 'dave',
      amountMsat: String(amountMsat),
      feeMsat: String(payment.feeMsat),
      route: payment.parts.at(-1)!.attempts[0]!.route,
      seconds: seconds(payment.endedAt! - payment.startedAt),
    };
  },
};
