/** What LND's interceptor shows beside amounts and onion. */
import { describe, expect, it } from 'vitest';
import { ec } from '../../../src/crypto/index.js';
import { shownHtlc } from '../../../src/node/lnd/htlc.js';
import { htlcInterceptor, type InterceptRequest } from '../../../src/node/lnd/rpc/intercept.js';
import type { Draft } from '../../../src/node/lnd/rpc/codec.js';
import type { InterceptedHtlc } from '../../../src/receive/node-port.js';
import { HOLD_RECORD } from '../../../src/send/index.js';

const NODE = ec.publicKey(new Uint8Array(32).fill(1));
const NEXT = ec.publicKey(new Uint8Array(32).fill(2));

function shown(changes: Draft<InterceptRequest>): InterceptedHtlc {
  const { response } = htlcInterceptor;
  const request = response.decode(
    response.encode({
      incomingCircuitKey: { chanId: 1n, htlcId: 2n },
      paymentHash: new Uint8Array(32),
      onionBlob: new Uint8Array(1366),
      incomingExpiry: 900,
      autoFailHeight: 881,
      outgoingRequestedChanId: 7n,
      ...changes,
    }),
  );
  const found = shownHtlc(request, NODE);
  if (found.type !== 'htlc') throw new Error('an HTLC was expected');
  return found.htlc;
}

describe('an HTLC of LND', () => {
  it('has the records of its wire message in their order, an empty one too', () => {
    const note = { type: 1_978_231n, value: new Uint8Array(32).fill(3) };
    const records = [note, HOLD_RECORD].map(({ type, value }): [bigint, Uint8Array] => [type, value]);
    const { wireRecords } = shown({ inWireCustomRecords: new Map(records) });
    expect(wireRecords).toEqual([{ type: 75_537n, value: new Uint8Array() }, note]);
    expect(shown({})).not.toHaveProperty('wireRecords');
  });

  it('names its next hop where the onion does', () => {
    const scid = 0xffff_ffff_ffff_ffffn;
    const htlc = shown({ outgoingRequestedChanId: scid, outgoingRequestedNodeId: NEXT });
    expect(htlc).toMatchObject({ outgoingScid: scid, outgoingNodeId: NEXT });
    expect(shown({})).not.toHaveProperty('outgoingNodeId');
    expect(shown({ outgoingRequestedNodeId: new Uint8Array(33) })).not.toHaveProperty('outgoingNodeId');
  });
});
