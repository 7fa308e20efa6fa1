/** Onion messages that a node passes on: peeled and written again, beside LDK's own messenger. */
import { bytes32 } from '../../src/bench/fixtures.js';
import { type BenchResult, compared, type Contender, opsPerSecond } from '../../src/bench/measure.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { buildOnionMessage, encodeContent, messagePath } from '../../src/messages/index.js';
import { loadLdk } from '../../src/node/ldk/index.js';
import { encodeOnionMessage, type OnionMessage, peelOnionMessage } from '../../src/onion/index.js';
import type { NodeId } from '../../src/wire/units.js';
import { unwrap } from '../../src/wire/result.js';

const SAMPLES = 64;
const NEXT = ec.publicKey(bytes32('next node'));
const LAST = ec.publicKey(bytes32('last node'));
/** Measured with some room: LDK peels in WebAssembly, and writes every message as well. */
const LEAST_NATIVE = 2;
const LEAST_WASM = 0.5;

function samples(relay: NodeId): OnionMessage[] {
  return Array.from({ length: SAMPLES }, () => {
    const path = messagePath({ nodes: [relay, NEXT, LAST], pathId: bytes32('path') }, randomBytes);
    return buildOnionMessage(
      { target: { path }, content: encodeContent({ name: 'held_htlc_available' }) },
      randomBytes,
    )!;
  });
}

function ours(): Contender {
  const secret = bytes32('our relay');
  const messages = samples(ec.publicKey(secret));
  return {
    name: 'ours',
    run(i) {
      const peeled = unwrap(peelOnionMessage(secret, messages[i % SAMPLES]!));
      if (peeled.kind !== 'forward' || encodeOnionMessage(peeled.message).length < 1366)
        throw new Error('not forwarded');
    },
  };
}

/** `OnionMessenger.handle_onion_message`, and the message taken out again for the next peer. */
async function ldkForward(): Promise<Contender | string> {
  try {
    const { ldk } = await loadLdk();
    const keys = ldk.KeysManager.constructor_new(bytes32('ldk relay'), 1n, 1);
    const signer = keys.as_NodeSigner();
    const nodeId = signer.get_node_id(ldk.Recipient.LDKRecipient_Node);
    if (!(nodeId instanceof ldk.Result_PublicKeyNoneZ_OK)) return 'LDK gives no node id';
    const ignoring = ldk.IgnoringMessageHandler.constructor_new();
    const messenger = ldk.OnionMessenger.constructor_new(
      keys.as_EntropySource(),
      signer,
      ldk.Logger.new_impl({ log: () => undefined }),
      ldk.EmptyNodeIdLookUp.constructor_new().as_NodeIdLookUp(),
      ldk.MessageRouter.new_impl({
        find_path: () => ldk.Result_OnionMessagePathNoneZ.constructor_err(),
        create_blinded_paths: () => ldk.Result_CVec_BlindedMessagePathZNoneZ.constructor_err(),
        create_compact_blinded_paths: () => ldk.Result_CVec_BlindedMessagePathZNoneZ.constructor_err(),
      }),
      ignoring.as_OffersMessageHandler(),
      ignoring.as_AsyncPaymentsMessageHandler(),
      ignoring.as_DNSResolverMessageHandler(),
      ignoring.as_CustomOnionMessageHandler(),
    ).as_OnionMessageHandler();
    // No global features; bit 39 in five bytes: onion messages.
    const init = ldk.Init.constructor_read(Uint8Array.of(0, 0, 0, 5, 0x80, 0, 0, 0, 0));
    if (!(init instanceof ldk.Result_InitDecodeErrorZ_OK)) return 'LDK does not read its init message';
    if (!messenger.peer_connected(NEXT, init.res, false).is_ok()) return 'LDK does not take the peer';
    const messages = samples(Uint8Array.from(nodeId.res)).map((message) => {
      const read = ldk.OnionMessage.constructor_read(encodeOnionMessage(message).slice(2));
      if (!(read instanceof ldk.Result_OnionMessageDecodeErrorZ_OK)) throw new Error('LDK does not read the message');
      return read.res;
    });
    const from = ec.publicKey(bytes32('previous node'));
    return {
      name: 'LDK WASM',
      run(i) {
        messenger.handle_onion_message(from, messages[i % SAMPLES]!);
        const next = messenger.next_onion_message_for_peer(NEXT) as (typeof messages)[number] | null;
        if (!next || next.write().length < 1366) throw new Error('not forwarded');
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export async function forwardRows(quick: boolean): Promise<BenchResult[]> {
  const peer = await ldkForward();
  const rates = opsPerSecond([ours(), ...(typeof peer === 'string' ? [] : [peer])], quick ? 60 : 400);
  const name = 'LDK WASM';
  const beside = typeof peer === 'string' ? { name, missing: peer } : { name, value: rates.get(name)! };
  const least = ec.backend === 'native' ? LEAST_NATIVE : LEAST_WASM;
  return [compared(`onion message, peel and pass on (${ec.backend})`, rates.get('ours')!, beside, least)];
}
