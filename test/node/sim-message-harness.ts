/** The simulated network as a harness of the message port conformance suite, on virtual time. */
import { Faults } from '../../src/node/sim/faults.js';
import { SimNetwork, type AddNodeOptions, type SimNetworkOptions } from '../../src/node/sim/network.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { MessageListener } from './messages-conformance-cast.js';
import type { MessageActor, MessageHarness, MessageWorld } from './messages-conformance.js';

const BALANCES = { balances: [1_000_000_000n, 1_000_000_000n] } as const;

/** peer – node, and a stranger beyond a hub: all of them announced. */
export function messageNetwork(options: SimNetworkOptions): SimNetwork {
  const network = new SimNetwork(options);
  const [node, peer, stranger, hub] = ['node', 'peer', 'stranger', 'hub'].map((name) => network.addNode(name));
  network.openChannel(node!, peer!, BALANCES);
  network.openChannel(stranger!, hub!, BALANCES);
  return network;
}

export const actorOf = (network: SimNetwork, name: string): MessageActor => ({
  port: new SimNodePort(network, network.node(name)),
  nodeId: network.node(name).nodeId,
});

/** A network on virtual time with what its tests need. */
export class MessageLab {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly faults: Faults;

  constructor(seed: number) {
    this.network = messageNetwork({ seed, clock: this.clock, keepTrace: true });
    this.faults = new Faults(this.network);
  }

  /** A node with a channel to another one, and a session at it. */
  add(name: string, neighbour: string, options: AddNodeOptions = {}): Promise<MessageListener> {
    const node = this.network.addNode(name, options);
    this.network.openChannel(node, this.network.node(neighbour), BALANCES);
    return this.listen(name);
  }

  listen(name: string): Promise<MessageListener> {
    return MessageListener.open(actorOf(this.network, name).port);
  }

  readonly until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    for (let i = 0; i < 2000; i++) {
      if (await condition()) return;
      await this.clock.runFor(5);
    }
    throw new Error('it never happened');
  };
}

let seed = 0;

export const simMessageHarness: MessageHarness = {
  async make(): Promise<MessageWorld> {
    const lab = new MessageLab(++seed);
    const { clock, network, faults, until } = lab;
    return {
      node: actorOf(network, 'node'),
      peer: actorOf(network, 'peer'),
      stranger: actorOf(network, 'stranger'),
      until,
      finish: (promise) => clock.finish(promise),
      async quiet() {
        await clock.runFor(5_000);
      },
      cutPeer: async (cut) => (cut ? faults.cutLink('node', 'peer') : faults.healLink('node', 'peer')),
      crash: async () => faults.crashNode('node'),
      restart: async () => faults.restartNode('node'),
      close: async () => undefined,
    };
  },
};
