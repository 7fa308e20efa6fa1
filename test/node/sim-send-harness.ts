/** The simulated network as a harness of the send port conformance suite, on virtual time. */
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { Faults } from '../../src/node/sim/faults.js';
import { SimNetwork, type SimNetworkOptions } from '../../src/node/sim/network.js';
import { SimSendPort } from '../../src/node/sim/sim-send-port.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { toHex } from '../../src/wire/bytes.js';
import type { Msat, PaymentHash } from '../../src/wire/units.js';
import type { HeldInvoice, SendHarness, SendInvoice, SendWorld } from './send-conformance.js';

const RELAY_POLICY = { feeBaseMsat: 2_000, feeProportionalMillionths: 500, cltvExpiryDelta: 34 };
const FINAL_DELTA = 40;
/** Of the sim's till. */
const MPP_TIMEOUT_MS = 60_000;

export interface SendNetwork {
  readonly network: SimNetwork;
  readonly faults: Faults;
  /** All of a {@link SendWorld} that is the same whoever sends. */
  readonly shape: Omit<SendWorld, 'port' | 'until' | 'finish' | 'crash' | 'restart' | 'close'>;
}

export function sendNetwork(options: SimNetworkOptions): SendNetwork {
  const network = new SimNetwork(options);
  const [sender, relay, payee] = ['sender', 'relay', 'payee'].map((name) => network.addNode(name)) as [
    ReturnType<typeof network.addNode>,
    ReturnType<typeof network.addNode>,
    ReturnType<typeof network.addNode>,
  ];
  const balances = [5_000_000_000n, 1_000_000_000n] as const;
  const first = network.openChannel(sender, relay, { balances });
  const second = network.openChannel(relay, payee, {
    balances: [1_000_000_000n, 5_000_000_000n],
    policies: [RELAY_POLICY, {}],
  });
  const direct = network.openChannel(sender, payee, { balances });
  const faults = new Faults(network);
  const invoice = (amountMsat: Msat, hold: boolean): SendInvoice => {
    const preimage = randomBytes(32);
    const terms = { paymentHash: sha256(preimage), paymentSecret: randomBytes(32) };
    payee.till.add({ ...terms, preimage, amountMsat, hold });
    return { ...terms, finalCltvDelta: FINAL_DELTA };
  };
  const holdInvoice = (amountMsat: Msat): HeldInvoice => {
    const made = invoice(amountMsat, true);
    return {
      ...made,
      isHeld: async () => payee.till.isHeld(made.paymentHash),
      settle: async () => payee.till.settle(made.paymentHash),
      cancel: async () => payee.till.cancel(made.paymentHash),
    };
  };
  const receivedMsat = (paymentHash: PaymentHash): Msat =>
    network
      .observations()
      .htlcs.filter(({ to, outcome }) => to === 'payee' && outcome === 'settled')
      .filter((htlc) => htlc.paymentHash === toHex(paymentHash))
      .reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  return {
    network,
    faults,
    shape: {
      sender: sender.nodeId,
      relay: relay.nodeId,
      payee: payee.nodeId,
      first: first.scid,
      second: second.scid,
      direct: direct.scid,
      relayTerms: { feeBaseMsat: RELAY_POLICY.feeBaseMsat, feePpm: 500, cltvDelta: RELAY_POLICY.cltvExpiryDelta },
      aboveRelayMsat: 2_000_000_000n,
      invoice: async (amountMsat) => invoice(amountMsat, false),
      holdInvoice: async (amountMsat) => holdInvoice(amountMsat),
      receivedMsat: async (paymentHash) => receivedMsat(paymentHash),
      cutDirect: async (cut) => (cut ? faults.cutLink('sender', 'payee') : faults.healLink('sender', 'payee')),
      garbleFailures: async () => faults.cheat('relay', { garbleFailures: true }),
    },
  };
}

let seed = 0;

export function simSendHarness(attribution: boolean): SendHarness {
  return {
    enclosesUpdates: true,
    mppTimeoutMs: MPP_TIMEOUT_MS,
    attribution,
    async make(): Promise<SendWorld> {
      const clock = new VirtualClock();
      const { network, faults, shape } = sendNetwork({ seed: ++seed, clock, attribution });
      const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
        for (let i = 0; i < 2000; i++) {
          if (await condition()) return;
          await clock.runFor(5);
        }
        throw new Error('it never happened');
      };
      return {
        ...shape,
        port: new SimSendPort(network.node('sender')),
        until,
        finish: (promise) => clock.finish(promise),
        crash: async () => faults.crashNode('sender'),
        async restart() {
          faults.restartNode('sender');
          const { channels } = network.node('sender');
          await until(() => channels.every(({ link }) => link.up));
        },
        close: async () => undefined,
      };
    },
  };
}
