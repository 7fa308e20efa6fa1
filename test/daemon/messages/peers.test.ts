import { describe, expect, it } from 'vitest';
import { createLog } from '../../../src/daemon/log.js';
import { PeerMessages } from '../../../src/daemon/messages/peers.js';
import type { PeerMessage, PeerMessagePort } from '../../../src/messages/index.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';

type Handlers = Parameters<PeerMessagePort['open']>[0];

const log = createLog({ level: 'silent', destination: { write: () => undefined } });
const TYPE = 37913;
const peerOf = (n: number) => new Uint8Array(33).fill(n);

/** A node's port with one session at a time, as nodes have it. */
class FakePort implements PeerMessagePort {
  handlers: Handlers | undefined;
  opened = 0;
  isAway = false;
  readonly sent: PeerMessage[] = [];
  outcome: 'sent' | 'not_connected' | 'refused' = 'sent';

  async open(handlers: Handlers) {
    this.opened += 1;
    if (this.isAway || this.handlers) throw new Error('not now');
    this.handlers = handlers;
    return {
      send: async (message: PeerMessage) => {
        if (this.outcome === 'sent') this.sent.push(message);
        return this.outcome;
      },
      close: () => {
        this.end('closed by us');
      },
    };
  }

  end(reason: string): void {
    const { handlers } = this;
    this.handlers = undefined;
    handlers?.onClosed(reason);
  }
}

function lines(...names: string[]) {
  const clock = new VirtualClock();
  const ports = names.map(() => new FakePort());
  const served = new Set(names);
  const peers = new PeerMessages({
    nodes: names.map((name, i) => ({ name, peerMessages: ports[i]! })),
    isServedHere: (name) => served.has(name),
    clock,
    log,
  });
  const heard: (readonly [node: string, first: number])[] = [];
  peers.handle(TYPE, ({ payload }, node) => void heard.push([node, payload[0]!]));
  return { clock, ports, served, peers, heard };
}

const message = (n: number, peer = 1, type = TYPE): PeerMessage => ({
  peer: peerOf(peer),
  type,
  payload: Uint8Array.of(n),
});

describe('peer messages of a cluster', () => {
  it('are heard at the nodes that are served here, and only while they are', async () => {
    const { clock, ports, served, peers, heard } = lines('alpha', 'beta');
    const [alpha, beta] = ports as [FakePort, FakePort];
    served.delete('beta');
    peers.start();
    await clock.runFor(2_000);
    expect([alpha.handlers !== undefined, beta.opened]).toEqual([true, 0]);
    alpha.handlers!.onMessage(message(7));
    alpha.handlers!.onMessage(message(8, 1, 44203)); // nobody asked for these
    await clock.runFor(10);
    expect(heard).toEqual([['alpha', 7]]);
    served.add('beta');
    served.delete('alpha');
    await clock.runFor(2_000);
    expect([alpha.handlers, beta.handlers !== undefined]).toEqual([undefined, true]);
    await peers.stop();
    expect(beta.handlers).toBeUndefined();
  });

  it('are heard again when the node is back', async () => {
    const { clock, ports, peers } = lines('alpha');
    const [alpha] = ports as [FakePort];
    alpha.isAway = true;
    peers.start();
    await clock.runFor(120_000);
    // Ever more rarely, a minute apart at the most.
    expect(alpha.opened).toBeGreaterThan(3);
    expect(alpha.opened).toBeLessThan(12);
    alpha.isAway = false;
    await clock.runFor(61_000);
    expect(alpha.handlers).toBeDefined();
    alpha.end('connection lost');
    await clock.runFor(2_000);
    expect(alpha.handlers).toBeDefined();
    await peers.stop();
  });

  it('go out by the node to which the peer is connected', async () => {
    const { clock, ports, peers } = lines('alpha', 'beta');
    const [alpha, beta] = ports as [FakePort, FakePort];
    expect(await peers.send(peerOf(1), TYPE, Uint8Array.of(1))).toBe(false);
    peers.start();
    await clock.runFor(1_000);
    alpha.outcome = 'not_connected';
    expect(await peers.send(peerOf(1), TYPE, Uint8Array.of(2))).toBe(true);
    expect(beta.sent).toEqual([message(2)]);
    expect(await peers.send(peerOf(1), TYPE, Uint8Array.of(3), 'alpha')).toBe(false);
    beta.outcome = 'refused';
    expect(await peers.send(peerOf(1), TYPE, Uint8Array.of(4))).toBe(false);
    await peers.stop();
  });

  it('of a peer that floods are dropped, those of others are not', async () => {
    const { clock, ports, peers, heard } = lines('alpha');
    peers.start();
    await clock.runFor(1_000);
    for (let n = 0; n < 1_000; n++) ports[0]!.handlers!.onMessage(message(1));
    ports[0]!.handlers!.onMessage(message(2, 2));
    await clock.runFor(10);
    expect(heard.filter(([, n]) => n === 1)).toHaveLength(50);
    expect(heard.filter(([, n]) => n === 2)).toHaveLength(1);
    expect(peers.dropped).toBe(950);
    await peers.stop();
  });

  it('whose handler fails end nothing', async () => {
    const { clock, ports, peers, heard } = lines('alpha');
    peers.handle(44203, () => Promise.reject(new Error('a bug')));
    peers.start();
    await clock.runFor(1_000);
    ports[0]!.handlers!.onMessage(message(1, 1, 44203));
    ports[0]!.handlers!.onMessage(message(2));
    await clock.runFor(10);
    expect(heard).toEqual([['alpha', 2]]);
    await peers.stop();
  });
});
