/** The interceptor's stream against servers that do what LND does rarely, or never should. */
import { createServer, connect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { sha256 } from '../../../src/crypto/index.js';
import { LndNode } from '../../../src/node/lnd/node.js';
import type { Draft } from '../../../src/node/lnd/rpc/codec.js';
import { InterceptAction, type InterceptRequest } from '../../../src/node/lnd/rpc/intercept.js';
import { getInfo, registerBlockEpochNtfn } from '../../../src/node/lnd/rpc/node.js';
import { LndSession } from '../../../src/node/lnd/session.js';
import type { InterceptSession } from '../../../src/receive/node-port.js';
import { fromHex } from '../../../src/wire/bytes.js';
import { RpcError } from '../../fake-lnd/rpc-server.js';
import { eventually, INFO, NODE_ID, Recorder, type TinyOptions, TinyLnd } from './tiny-lnd.js';

const PREIMAGE = new Uint8Array(32).fill(7);
const HEIGHT = 800_000;
const nodeId = fromHex(NODE_ID);

function request(htlcId: bigint, changes: Draft<InterceptRequest> = {}): Draft<InterceptRequest> {
  return {
    incomingCircuitKey: { chanId: 5n, htlcId },
    paymentHash: sha256(PREIMAGE),
    outgoingAmountMsat: 900n,
    outgoingExpiry: HEIGHT + 100,
    incomingAmountMsat: 1_000n,
    incomingExpiry: HEIGHT + 140,
    outgoingRequestedChanId: 77n,
    onionBlob: new Uint8Array(1366),
    autoFailHeight: HEIGHT + 121,
    ...changes,
  };
}

const keyOf = (htlcId: bigint) => ({ nodeId, channelId: 5n, htlcId });

interface Opened {
  readonly tiny: TinyLnd;
  readonly node: LndNode;
  readonly session: InterceptSession;
  readonly heard: Recorder;
}

function nodeOf(tiny: TinyLnd): LndNode {
  const node = new LndNode({ ...tiny.endpoint, name: 'tiny', forceClose: false, registerPreimages: false });
  onTestFinished(() => {
    node.close();
  });
  return node;
}

async function opened(options: TinyOptions = {}): Promise<Opened> {
  const tiny = await TinyLnd.serve(options);
  const node = nodeOf(tiny);
  const heard = new Recorder();
  return { tiny, node, heard, session: await node.intercept.open(heard) };
}

describe('opening', () => {
  it('takes the silence of an interceptor for its consent', async () => {
    const { heard, session } = await opened();
    expect(heard.heights).toEqual([HEIGHT]);
    expect(await session.heartbeat()).toBe(HEIGHT);
    expect(heard.closed).toEqual([]);
  });

  it('passes on what is shown before it is done', async () => {
    const { heard } = await opened({ onInterceptor: (out) => void [1n, 2n].map((id) => out.write(request(id))) });
    await eventually(() => {
      expect(heard.htlcs.map(({ key }) => key.htlcId)).toEqual([1n, 2n]);
    });
  });

  it('rejects where somebody else intercepts, and says nothing else', async () => {
    const tiny = await TinyLnd.serve({
      onInterceptor(out) {
        out.end(new RpcError('interceptor already exists'));
      },
    });
    const heard = new Recorder();
    await expect(nodeOf(tiny).intercept.open(heard)).rejects.toThrow(/another program intercepts/);
    expect(heard.closed).toEqual([]);
  });

  it('rejects where LND is slow to refuse, as long as it refuses before it answers twice', async () => {
    let questions = 0;
    const tiny = await TinyLnd.serve({
      answers: {
        [getInfo.path]: () => {
          if (++questions === 3) tiny.interceptors[0]!.end(new RpcError('interceptor already exists'));
          return new Promise((resolve) => setTimeout(() => resolve(INFO), questions === 3 ? 50 : 0));
        },
      },
    });
    await expect(nodeOf(tiny).intercept.open(new Recorder())).rejects.toThrow(/another program intercepts/);
  });

  it('rejects with the permission that the macaroon lacks', async () => {
    const tiny = await TinyLnd.serve();
    const endpoint = { ...tiny.endpoint, macaroon: new Uint8Array([9]) };
    const node = new LndNode({ ...endpoint, name: 'tiny', forceClose: false, registerPreimages: false });
    await expect(node.intercept.open(new Recorder())).rejects.toThrow(/does not grant \/lnrpc.Lightning\/GetInfo/);
    node.close();
  });

  it('rejects when another node answers than before', async () => {
    let identityPubkey = NODE_ID;
    const tiny = await TinyLnd.serve({ answers: { [getInfo.path]: () => ({ ...INFO, identityPubkey }) } });
    const node = nodeOf(tiny);
    await node.info();
    identityPubkey = '03'.padEnd(66, 'c');
    await expect(node.intercept.open(new Recorder())).rejects.toThrow(/another node answers/);
    expect(tiny.interceptors).toHaveLength(0);
  });

  it('rejects when the events are not subscribed in time', async () => {
    const tiny = await TinyLnd.serve({ onEvents: () => undefined });
    const heard = new Recorder();
    const onOver = vi.fn();
    const opening = LndSession.open({
      endpoint: tiny.endpoint,
      expected: undefined,
      handlers: heard,
      openMs: 300,
      onOver,
    });
    await expect(opening).rejects.toThrow(/did not open its streams in time/);
    expect(tiny.interceptors).toHaveLength(0);
    expect(heard.closed).toEqual([]);
    expect(onOver).toHaveBeenCalledOnce();
  });

  it('is given up when the node is closed meanwhile', async () => {
    const tiny = await TinyLnd.serve();
    const node = nodeOf(tiny);
    const opening = node.intercept.open(new Recorder());
    opening.catch(() => undefined);
    await eventually(() => {
      expect(tiny.interceptors).toHaveLength(1);
    });
    node.close();
    await expect(opening).rejects.toThrow(/was left/);
    await eventually(() => {
      expect(tiny.gone).toBe(1);
    });
  });

  it('does without block events where LND is built without them: heights come with heartbeats', async () => {
    let blockHeight = HEIGHT;
    const { heard, session } = await opened({
      without: [registerBlockEpochNtfn.path],
      answers: { [getInfo.path]: () => ({ ...INFO, blockHeight }) },
    });
    expect(heard.heights).toEqual([HEIGHT]);
    blockHeight += 2;
    expect(await session.heartbeat()).toBe(HEIGHT + 2);
    expect(heard.heights).toEqual([HEIGHT, HEIGHT + 2]);
  });
});

describe('an open session', () => {
  it('writes an answer in the turn in which the HTLC was shown', async () => {
    const { tiny, heard, session } = await opened();
    const onHtlc = heard.htlcs.push.bind(heard.htlcs);
    vi.spyOn(heard.htlcs, 'push').mockImplementation((htlc) => {
      session.answer(htlc.key, { action: 'resume' });
      return onHtlc(htlc);
    });
    tiny.show(request(1n));
    await eventually(() => {
      expect(tiny.replies).toEqual([
        expect.objectContaining({
          incomingCircuitKey: { chanId: 5n, htlcId: 1n },
          action: InterceptAction.resume,
        }),
      ]);
    });
  });

  it('answers an HTLC once, and again only when it is shown again', async () => {
    const { tiny, heard, session } = await opened();
    tiny.show(request(1n));
    await eventually(() => {
      expect(heard.htlcs).toHaveLength(1);
    });
    const settle = { action: 'settle', preimage: PREIMAGE } as const;
    expect(session.answer(keyOf(2n), settle)).toBe('unknown');
    expect(session.answer({ ...keyOf(1n), nodeId: new Uint8Array(33) }, settle)).toBe('unknown');
    expect(session.answer(keyOf(1n), { ...settle, preimage: new Uint8Array(32) })).toBe('unknown');
    expect(session.answer(keyOf(1n), settle)).toBe('sent');
    expect(session.answer(keyOf(1n), settle)).toBe('unknown');
    tiny.show(request(1n, { autoFailHeight: HEIGHT + 140 }));
    await eventually(() => {
      expect(heard.htlcs).toHaveLength(2);
    });
    expect(heard.htlcs[1]).toMatchObject({ onChain: true, deadline: HEIGHT + 140 });
    expect(session.answer(keyOf(1n), { action: 'resume' })).toBe('unknown');
    expect(session.answer(keyOf(1n), settle)).toBe('sent');
    await eventually(() => {
      expect(tiny.replies).toHaveLength(2);
    });
    expect(tiny.replies.map(({ action, preimage }) => [action, preimage])).toEqual([
      [InterceptAction.settle, PREIMAGE],
      [InterceptAction.settle, PREIMAGE],
    ]);
    expect(heard.closed).toEqual([]);
  });

  it('writes nothing for an HTLC whose deadline has come, and tells heights in ascending order', async () => {
    const { tiny, heard, session } = await opened();
    tiny.show(request(1n));
    tiny.show(request(2n, { autoFailHeight: HEIGHT + 122 }));
    await eventually(() => {
      expect(heard.htlcs).toHaveLength(2);
    });
    for (const height of [HEIGHT + 120, HEIGHT + 119, HEIGHT + 121]) tiny.block(height);
    await eventually(() => {
      expect(heard.heights).toEqual([HEIGHT, HEIGHT + 120, HEIGHT + 121]);
    });
    expect(session.answer(keyOf(1n), { action: 'resume' })).toBe('unknown');
    expect(session.answer(keyOf(2n), { action: 'resume' })).toBe('sent');
  });

  it('forgets what has become final', async () => {
    const { tiny, heard, session } = await opened();
    tiny.show(request(1n));
    await eventually(() => {
      expect(heard.htlcs).toHaveLength(1);
    });
    tiny.events[0]!.write({ incomingChannelId: 5n, incomingHtlcId: 1n, eventType: 3 });
    tiny.final(5n, 1n, false, true);
    tiny.final(5n, 9n, true, false);
    await eventually(() => {
      expect(heard.finals).toHaveLength(2);
    });
    expect(heard.finals).toEqual([
      { key: keyOf(1n), outcome: 'failed', onChain: false },
      { key: keyOf(9n), outcome: 'settled', onChain: true },
    ]);
    expect(session.answer(keyOf(1n), { action: 'resume' })).toBe('unknown');
  });

  it('resumes what it cannot read, and lets what it cannot answer be', async () => {
    const { tiny, heard } = await opened();
    tiny.show(request(1n, { onionBlob: new Uint8Array(1365) }));
    tiny.show(request(2n, { paymentHash: new Uint8Array(31), autoFailHeight: 0 }));
    tiny.show({ paymentHash: sha256(PREIMAGE) });
    tiny.show(request(3n, { autoFailHeight: -5 }));
    tiny.show(request(4n));
    await eventually(() => {
      expect(heard.htlcs.map(({ key }) => key.htlcId)).toEqual([4n]);
      expect(tiny.replies.map(({ incomingCircuitKey, action }) => [incomingCircuitKey?.htlcId, action])).toEqual([
        [1n, InterceptAction.resume],
        [3n, InterceptAction.resume],
      ]);
    });
    expect(heard.closed).toEqual([]);
  });
});

describe('the end of a session', () => {
  const ends: readonly (readonly [string, (tiny: TinyLnd) => void])[] = [
    ['the interceptor ends', (tiny) => tiny.interceptors[0]!.end()],
    ['the interceptor fails', (tiny) => tiny.interceptors[0]!.end(new RpcError('unknown forward'))],
    ['the events end', (tiny) => tiny.events[0]!.end(new RpcError('server shutting down'))],
    ['the blocks end', (tiny) => tiny.blocks[0]!.end()],
    ['the node is gone', (tiny) => tiny.kill()],
    ['it says what is no message', (tiny) => tiny.show(new Uint8Array([0x0f, 0xff, 0xff]))],
  ];
  it.each(ends)('is told once when %s', async (_what, end) => {
    const { tiny, heard, session } = await opened();
    end(tiny);
    await eventually(() => {
      expect(heard.closed).toHaveLength(1);
    });
    expect(session.answer(keyOf(1n), { action: 'resume' })).toBe('closed');
    await expect(session.heartbeat()).rejects.toThrow(/over/);
    session.close();
    expect(heard.closed).toHaveLength(1);
    await eventually(() => {
      expect(tiny.gone).toBe(1); // the slot is free, whichever stream it was
    });
  });

  it('is told when a handler throws, and the process lives on', async () => {
    const { tiny, heard } = await opened();
    vi.spyOn(heard.htlcs, 'push').mockImplementation(() => {
      throw new Error('a bug');
    });
    tiny.show(request(1n));
    await eventually(() => {
      expect(heard.closed).toEqual([expect.stringContaining('a bug')]);
    });
  });

  it('frees the slot when it is closed, and rejects the heartbeat under way', async () => {
    let answer: (info: object) => void = () => undefined;
    let hangs = false;
    const { tiny, heard, session, node } = await opened({
      answers: { [getInfo.path]: () => (hangs ? new Promise<object>((resolve) => (answer = resolve)) : INFO) },
    });
    hangs = true;
    const beat = session.heartbeat();
    beat.catch(() => undefined);
    session.close();
    await expect(beat).rejects.toThrow(/closed by us/);
    expect(heard.closed).toEqual(['closed by us']);
    await eventually(() => {
      expect(tiny.gone).toBe(1);
    });
    answer(INFO);
    hangs = false;
    const next = await node.intercept.open(new Recorder());
    next.close();
  });

  it('is noticed when the connection swallows everything', { timeout: 30_000 }, async () => {
    const tiny = await TinyLnd.serve();
    let isSwallowing = false;
    const port = Number(tiny.endpoint.address.split(':')[1]);
    const proxy = createServer((inside) => {
      const outside = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        from.on('data', (bytes) => isSwallowing || to.write(bytes));
        from.on('error', () => undefined);
        from.on('close', () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const listening = proxy.address();
    if (listening === null || typeof listening === 'string') throw new Error('no port');
    const endpoint = { ...tiny.endpoint, address: `127.0.0.1:${listening.port}` };
    const node = new LndNode({ ...endpoint, name: 'tiny', forceClose: false, registerPreimages: false });
    onTestFinished(() => {
      node.close();
    });
    const heard = new Recorder();
    await node.intercept.open(heard);
    isSwallowing = true;
    await vi.waitFor(
      () => {
        expect(heard.closed).toHaveLength(1);
      },
      { timeout: 25_000, interval: 100 },
    );
  });
});
