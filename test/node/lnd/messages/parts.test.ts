/** The parts of the message port that have no network: lines, peers, relays, and what LND shows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../../../src/crypto/index.js';
import { Backlog } from '../../../../src/node/lnd/messages/backlog.js';
import { ConnectedPeers } from '../../../../src/node/lnd/messages/connected-peers.js';
import { RelayTable } from '../../../../src/node/lnd/messages/relay-table.js';
import { isCustomType, shownMessage } from '../../../../src/node/lnd/messages/updates.js';
import { PeerEventType } from '../../../../src/node/lnd/rpc/peers.js';
import { fromHex, toHex } from '../../../../src/wire/bytes.js';

const nodeId = (n: number): Uint8Array => ec.publicKey(new Uint8Array(32).fill(n));
const hex = (n: number): string => toHex(nodeId(n));

describe('the line of questions', () => {
  it('works on a few at a time, keeps so many waiting, of each source fewer, and survives what fails', async () => {
    const backlog = new Backlog();
    let atWork = 0;
    let most = 0;
    let done = 0;
    const ends: (() => void)[] = [];
    const work = async (): Promise<void> => {
      most = Math.max(most, ++atWork);
      await new Promise<void>((resolve) => ends.push(resolve));
      atWork -= 1;
      done += 1;
      throw new Error('LND is away');
    };
    for (let i = 0; i < 1_000; i++) backlog.put('loud', work);
    expect(backlog.dropped).toBe(1_000 - 16 - 128);
    for (let i = 0; i < 1_000; i++) backlog.put(`source ${i}`, work);
    expect(backlog.dropped).toBe(2_000 - 16 - 512);
    while (done < 16 + 512) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([most, atWork, ends.length]).toEqual([16, 0, 0]);
    backlog.put('loud', async () => void (done += 1));
    expect(done).toBe(16 + 512 + 1);
  });
});

describe('connected peers', () => {
  const open = (): { peers: ConnectedPeers; told: [string, boolean][]; at: { now: number } } => {
    const told: [string, boolean][] = [];
    const at = { now: 1 };
    const peers = new ConnectedPeers(
      (peer, connected) => told.push([toHex(peer), connected]),
      () => at.now,
    );
    return { peers, told, at };
  };
  const { online, offline } = PeerEventType;

  it('are those of the list, corrected by what was told before it came', () => {
    const { peers, told } = open();
    peers.changed({ pubKey: hex(2), type: offline });
    peers.changed({ pubKey: hex(3), type: online });
    peers.changed({ pubKey: hex(3), type: offline });
    expect(told).toEqual([]);
    peers.listed([{ pubKey: hex(1) }, { pubKey: hex(2) }, { pubKey: 'no key' }]);
    expect([1, 2, 3].map((n) => peers.has(nodeId(n)))).toEqual([true, false, false]);
    const before = told.length;
    peers.changed({ pubKey: hex(1), type: online });
    peers.changed({ pubKey: 'no key', type: online });
    peers.changed({ pubKey: hex(1), type: 7 });
    expect(told).toHaveLength(before);
  });

  it('were there at a time, or came later', () => {
    const { peers, at } = open();
    peers.listed([]);
    at.now = 10;
    peers.changed({ pubKey: hex(1), type: online });
    expect([9, 10, 11].map((time) => peers.wasThere(nodeId(1), time))).toEqual([false, true, true]);
  });

  it('can be waited for', async () => {
    const { peers } = open();
    peers.listed([]);
    const [coming, never] = [peers.come(nodeId(1), 60_000), peers.come(nodeId(2), 5)];
    peers.changed({ pubKey: hex(1), type: online });
    expect([await coming, await peers.come(nodeId(1), 0), await never]).toEqual([true, true, false]);
  });
});

describe('the table of relays', () => {
  const [one, two, three] = [1, 2, 3].map(hex).sort() as [string, string, string];
  const relay = (id: string, addr = 'host:9735') => ({
    id,
    features: new Map([[39, 0]]),
    addresses: addr ? [{ network: 'tcp', addr }] : [],
  });

  it('names relays only as neighbours, and ends of every channel in their order', () => {
    const table = new RelayTable();
    table.addChannel(5n, two, one);
    table.addChannel(6n, two, one);
    table.addChannel(7n, two, three);
    expect([...table.neighbours(fromHex(two))]).toEqual([]);
    table.setNode(relay(one));
    table.setNode({ ...relay(three, ''), features: new Map([[38, 0]]) });
    expect([...table.neighbours(fromHex(two))].map(toHex)).toEqual([one, three]);
    expect(table.endsOf(5n)?.map(toHex)).toEqual([one, two]);
    expect(table.endsOf(8n)).toBeUndefined();
    expect([one, two, three].map((id) => table.canDial(fromHex(id)))).toEqual([true, false, false]);
    table.setNode({ ...relay(one), features: new Map([[37, 0]]) });
    expect(table.canDial(fromHex(one))).toBe(false);
    table.removeChannel(7n);
    table.removeChannel(7n);
    expect(table.endsOf(7n)).toBeUndefined();
    expect(table.size).toEqual({ nodes: 2, channels: 2 });
  });

  it('has bounds, and takes no nonsense', () => {
    const table = new RelayTable({ nodes: 2, channels: 2 });
    table.addChannel(1n, one, one);
    table.addChannel(2n, 'x', two);
    table.setNode(relay('zz'));
    for (let scid = 3n; scid < 10n; scid++) table.addChannel(scid, one, two);
    table.addChannel(11n, one, three);
    table.setNode(relay(three));
    expect(table.size).toEqual({ nodes: 2, channels: 2 });
  });
});

describe('what LND shows', () => {
  it('never throws, and is a message with at most one content or nothing', () => {
    const point = fc.oneof(fc.constant(nodeId(1)), fc.uint8Array({ maxLength: 40 }));
    const some = fc.uint8Array({ maxLength: 70 });
    const update = fc.record({
      peer: point,
      pathKey: point,
      onion: some,
      encryptedRecipientData: some,
      replyPath: fc.option(
        fc.record({
          introductionNode: point,
          blindingPoint: point,
          blindedHops: fc.array(fc.record({ blindedNode: point, encryptedData: some }), { maxLength: 3 }),
        }),
        { nil: undefined },
      ),
      customRecords: fc
        .array(fc.tuple(fc.oneof(fc.constantFrom(64n, 66n, 68n, 65n), fc.bigInt(0n, 2n ** 64n - 1n)), some), {
          maxLength: 3,
        })
        .map((records) => new Map(records)),
    });
    fc.assert(
      fc.property(update, (one) => {
        const shown = shownMessage(one);
        if (shown?.kind !== 'final') return;
        const { content, unknown = [] } = shown.payload;
        expect(unknown.every(({ type }) => type > 64n && type % 2n === 1n)).toBe(true);
        expect(Number(content !== undefined) + unknown.length).toBe(one.customRecords.size);
      }),
    );
  });

  it('of peer messages are the types of applications', () => {
    const types = [0, 513, 32_767, 32_768, 37_913, 65_535, 65_536, 0.5, -1];
    expect(types.filter(isCustomType)).toEqual([32_768, 37_913, 65_535]);
  });
});
