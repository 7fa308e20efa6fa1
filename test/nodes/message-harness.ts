/** Real LNDs as a harness of the message port conformance suite. One network serves all cases: opening one takes its time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LndNode } from '../../src/node/lnd/node.js';
import { field, message, string } from '../../src/node/lnd/rpc/codec.js';
import { unary } from '../../src/node/lnd/rpc/method.js';
import { getNodeInfo, listPeers } from '../../src/node/lnd/rpc/peers.js';
import { toHex } from '../../src/wire/bytes.js';
import type { MessageActor, MessageWorld } from '../node/messages-conformance.js';
import { freePort } from '../e2e/processes.js';
import type { Lnd } from './lnd.js';
import { Network } from './network.js';
import { until } from './program.js';

const NAMES = ['node', 'peer', 'stranger'] as const;
type Name = (typeof NAMES)[number];
const CHANNEL = { capacitySat: 2_000_000n, pushSat: 500_000n } as const;
/** Payers of offers are strangers: LND relays for peers with a channel only, unless it is told otherwise. */
export const RELAY_ALL = 'protocol.onion-msg-relay-all';
const QUIET_MS = 800;

const disconnectPeer = unary('/lnrpc.Lightning/DisconnectPeer', message({ pubKey: field(1, string) }), message({}));

export class MessageNetwork {
  readonly net: Network;

  private constructor(net: Network) {
    this.net = net;
  }

  /** node – peer – stranger; the stranger announces where it can be dialled. */
  static async open(): Promise<MessageNetwork> {
    const net = await Network.open({
      nodes: { node: await dialable(), peer: [RELAY_ALL], stranger: await dialable() },
      channels: [
        { from: 'node', to: 'peer', ...CHANNEL },
        { from: 'stranger', to: 'peer', ...CHANNEL },
      ],
    });
    await untilAddress(net.node('node'), net.node('stranger'));
    await untilAddress(net.node('stranger'), net.node('node'));
    return new MessageNetwork(net);
  }

  /** Everybody with a session of its own; the stranger is connected to its peer alone. */
  async world(): Promise<MessageWorld> {
    const { net } = this;
    await this.#part();
    const ports = new Map(NAMES.map((name) => [name, lndNodeOf(net.node(name))]));
    const actor = (name: Name): MessageActor => ({ port: ports.get(name)!, nodeId: net.node(name).nodeId });
    return {
      node: actor('node'),
      peer: actor('peer'),
      stranger: actor('stranger'),
      until: (condition) => until('what the suite waits for', condition, { onLate: () => net.logs() }),
      finish: (promise) => promise,
      quiet: () => sleep(QUIET_MS),
      // A wire that is cut between them does not keep them apart: the peer calls the address that the node announced.
      async cutPeer(cut) {
        if (cut) return net.node('peer').kill();
        await net.node('peer').start();
        await net.untilActive('node', 'peer');
      },
      crash: () => net.node('node').kill(),
      async restart() {
        await net.node('node').start();
        await net.untilActive('node', 'peer');
      },
      close: async () => {
        for (const port of ports.values()) port.close();
        if (net.node('node').running) return;
        await net.node('node').start();
        await net.untilActive('node', 'peer');
      },
    };
  }

  async #part(): Promise<void> {
    const [node, stranger] = [this.net.node('node'), this.net.node('stranger')];
    const pubKey = toHex(stranger.nodeId);
    await until('the stranger to be one again', async () => {
      const { peers } = await node.client.call(listPeers, {});
      if (!peers.some((peer) => peer.pubKey === pubKey)) return true;
      await node.client.call(disconnectPeer, { pubKey });
      return false;
    });
  }

  close(): Promise<void> {
    return this.net.close();
  }
}

export function lndNodeOf(lnd: Lnd): LndNode {
  return new LndNode({ ...lnd.endpoint, name: lnd.name, forceClose: false, registerPreimages: false });
}

/** Flags of a node that listens once more, at an address which it announces. */
async function dialable(): Promise<readonly string[]> {
  const address = `127.0.0.1:${await freePort()}`;
  return [RELAY_ALL, `listen=${address}`, `externalip=${address}`];
}

async function untilAddress(at: Lnd, of: Lnd): Promise<void> {
  const pubKey = toHex(of.nodeId);
  await until(`${at.name} to know where ${of.name} is`, async () => {
    const { node } = await at.client.call(getNodeInfo, { pubKey });
    return (node?.addresses.length ?? 0) > 0;
  });
}
