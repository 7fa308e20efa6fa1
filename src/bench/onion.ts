/** Onions: peeling beside LDK's WebAssembly build. */
import { ec } from '../crypto/index.js';
import { buildOnion, decodePaymentPayload, encodePaymentPayload, peelOnion } from '../onion/index.js';
import { loadLdk } from '../node/ldk/index.js';
import { bytes32, sampleOnion, type SampleOnion } from './fixtures.js';
import { inThread } from './in-thread.js';
import {
  type BenchOptions,
  type BenchReport,
  type BenchResult,
  compared,
  type Contender,
  machineName,
  opsPerSecond,
} from './measure.js';

const SAMPLES = 64;
const LEAST_NATIVE = 3.5;
const LEAST_WASM = 0.6;
const FINAL = { final: true, updateAddHasPathKey: false };

/** Peels and reads the payload: what a node does with an incoming HTLC before anything else. */
function ourPeel(name: string, secret: Uint8Array, samples: readonly SampleOnion[], final: boolean): Contender {
  return {
    name,
    run(i) {
      const { onion, paymentHash } = samples[i % samples.length]!;
      const peeled = peelOnion({ nodeSecret: secret, onion, associatedData: paymentHash });
      if (!peeled.ok || !decodePaymentPayload(peeled.value.payload, { ...FINAL, final }).ok)
        throw new Error('peel failed');
    },
  };
}

/** LDK's `peel_payment_onion` on onions made for its own node key. */
async function ldkPeel(name: string, hops: number): Promise<Contender | string> {
  try {
    const { ldk } = await loadLdk();
    const keys = ldk.KeysManager.constructor_new(bytes32('ldk node'), 1n, 1);
    const signer = keys.as_NodeSigner();
    const nodeId = signer.get_node_id(ldk.Recipient.LDKRecipient_Node);
    if (!(nodeId instanceof ldk.Result_PublicKeyNoneZ_OK)) return 'LDK gives no node id';
    const logger = ldk.Logger.new_impl({ log: () => undefined });
    const samples = Array.from({ length: SAMPLES }, (_, i) => sampleOnion(i, Uint8Array.from(nodeId.res), hops));
    const messages = samples.map(({ onion, paymentHash }, i) => updateAddHtlc(ldk, onion, paymentHash, BigInt(i)));
    return {
      name,
      run(i) {
        const result = ldk.UtilMethods.constructor_peel_payment_onion(
          messages[i % SAMPLES]!,
          signer,
          logger,
          800_000,
          false,
        );
        if (!result.is_ok()) throw new Error('LDK could not peel the onion');
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

type Ldk = Awaited<ReturnType<typeof loadLdk>>['ldk'];

function updateAddHtlc(ldk: Ldk, onion: Uint8Array, paymentHash: Uint8Array, id: bigint) {
  const message = Buffer.alloc(32 + 8 + 8 + 32 + 4 + onion.length);
  message.writeBigUInt64BE(id, 32);
  message.writeBigUInt64BE(250_001_000n, 40);
  message.set(paymentHash, 48);
  message.writeUInt32BE(800_260, 80);
  message.set(onion, 84);
  const read = ldk.UpdateAddHTLC.constructor_read(Uint8Array.from(message));
  if (!(read instanceof ldk.Result_UpdateAddHTLCDecodeErrorZ_OK)) throw new Error('LDK could not read update_add_htlc');
  return read.res;
}

/** Rows for the curve backend of this thread. */
export async function onionRows(quick: boolean): Promise<BenchResult[]> {
  const secret = bytes32('our node');
  const nodeId = ec.publicKey(secret);
  const finals = Array.from({ length: SAMPLES }, (_, i) => sampleOnion(i, nodeId, 1));
  const relays = Array.from({ length: SAMPLES }, (_, i) => sampleOnion(i, nodeId, 3));
  const ldkFinal = await ldkPeel('LDK final', 1);
  const ldkRelay = await ldkPeel('LDK relay', 3);
  const peers = [ldkFinal, ldkRelay].filter((peer) => typeof peer !== 'string');
  const hops = Array.from({ length: 5 }, (_, hop) => ({
    nodeId: ec.publicKey(bytes32(`build ${hop}`)),
    payload: encodePaymentPayload({ amtToForward: 1000n, outgoingCltvValue: 800_000, shortChannelId: 1n }),
  }));
  const build: Contender = {
    name: 'build',
    run: () => void buildOnion({ sessionKey: bytes32('session'), hops, associatedData: bytes32('hash') }),
  };
  const rates = opsPerSecond(
    [ourPeel('final', secret, finals, true), ourPeel('relay', secret, relays, false), build, ...peers],
    quick ? 60 : 400,
  );
  const peerOf = (peer: Contender | string) =>
    typeof peer === 'string' ? { name: 'LDK WASM', missing: peer } : { name: 'LDK WASM', value: rates.get(peer.name)! };
  const least = ec.backend === 'native' ? LEAST_NATIVE : LEAST_WASM;
  return [
    compared(`peel and read, final hop (${ec.backend})`, rates.get('final')!, peerOf(ldkFinal), least),
    compared(`peel and read, forwarding hop (${ec.backend})`, rates.get('relay')!, peerOf(ldkRelay), least),
    {
      what: `build, five hops (${ec.backend})`,
      unit: 'ops/s',
      ours: Math.round(rates.get('build')!),
      peer: null,
      peer_name: null,
      ratio: null,
      target: null,
      ok: true,
    },
  ];
}

/** The chosen backend here; where it is the native one, WebAssembly's too, in a thread that is told to use it. */
export async function benchOnion({ quick }: BenchOptions): Promise<BenchReport> {
  const results = await onionRows(quick);
  if (ec.backend === 'native')
    results.push(...(await inThread<BenchResult[]>('onion-thread', quick, { MANIFOLD_EC: 'tiny' })));
  return { name: 'onion', machine: machineName(), results };
}
