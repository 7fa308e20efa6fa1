/** Onion message contents, path ids, and what a stranger's message does to a messenger. */
import { strict as assert } from 'node:assert';
import { ec } from '../../../src/crypto/index.js';
import {
  buildOnionMessage,
  CONTEXT_KINDS,
  decodeContent,
  decodeReleasePaths,
  decodeRodPeerMessage,
  encodeContent,
  encodeReleasePaths,
  encodeRodPeerMessage,
  innerStream,
  messagePath,
  Messenger,
  openPathContext,
  sealPathContext,
} from '../../../src/messages/index.js';
import { decodeMessagePayload, MessageContent, type OnionMessage, peelOnionMessage } from '../../../src/onion/index.js';
import { concat } from '../../../src/wire/bytes.js';
import { u32 } from '../../../src/wire/integers.js';
import { unwrap } from '../../../src/wire/result.js';
import { type BytesTarget, type FuzzTarget, hexOfVectors } from '../target.js';
import { sameBytes } from './wire.js';

const TYPES = Object.values(MessageContent);
const key = new Uint8Array(32).fill(0x51);
const secret = new Uint8Array(32).fill(0x52);
const nodeId = ec.publicKey(secret);
const id = new Uint8Array(32).fill(0x53);
const random = (length: number): Uint8Array => new Uint8Array(length).fill(0x54);
const path = messagePath({ nodes: [nodeId], pathId: id }, random);

const SAMPLES = [
  encodeContent({ name: 'offer_paths_request', slot: 3 }),
  encodeContent({ name: 'offer_paths', paths: [path], absoluteExpiry: 5 }),
  encodeContent({ name: 'serve_static_invoice', staticInvoice: id, forwardPath: path }),
  encodeContent({ name: 'held_htlc_available' }),
  encodeContent({
    name: 'rod_hold_request',
    rodId: id,
    paymentHashes: [id, id],
    totalMsat: 9n,
    holdUntil: 5,
    parts: 2,
    notifyOnSettle: true,
  }),
  encodeContent({ name: 'rod_hold_response', rodId: id, status: 'ok', releasePaths: [path], holdUntil: 5 }),
  encodeContent({ name: 'rod_notice', pid: id, paymentHash: id, amountMsat: 9n, holdUntil: 5, releasePaths: [path] }),
  encodeContent({ name: 'rod_unblock', pid: id, paymentHash: id }),
  encodeContent({ name: 'rod_cancel', rodId: id, pid: id }),
  encodeContent({ name: 'rod_status', rodId: id, state: 'held', height: 5 }),
];

/** First byte: which content. What was read, and is written and read again, is the same. */
const contents: BytesTarget = {
  name: 'messages/contents',
  kind: 'bytes',
  corpus: () => [
    ...SAMPLES.map(({ type, value }) => concat(Uint8Array.of(TYPES.indexOf(type as never)), value)),
    ...hexOfVectors(['static-invoice'], 1, 700).map((value) => concat(Uint8Array.of(8), value)),
  ],
  run(input) {
    const type = TYPES[(input[0] ?? 0) % TYPES.length]!;
    const value = input.slice(1);
    const decoded = decodeContent({ type, value });
    assert.ok(value.length > 0 || !decoded.ok, 'an empty content is taken');
    if (!decoded.ok) return false;
    const written = encodeContent(decoded.value);
    assert.equal(written.type, type);
    assert.deepEqual(unwrap(decodeContent(written)), decoded.value);
    return true;
  },
};

const rodPeer: BytesTarget = {
  name: 'messages/rod-peer',
  kind: 'bytes',
  corpus: () => SAMPLES.map(({ type, value }) => concat(u32(Number(type)), value)),
  run(input) {
    const decoded = decodeRodPeerMessage(input);
    if (decoded.ok) {
      const written = encodeRodPeerMessage(decoded.value);
      assert.deepEqual(unwrap(decodeRodPeerMessage(written)), decoded.value);
    }
    return decoded.ok;
  },
};

const releasePaths: BytesTarget = {
  name: 'messages/release-paths',
  kind: 'bytes',
  corpus: () => [encodeReleasePaths([{ htlcId: 7n, path }]), ...hexOfVectors(['static-invoice'], 60, 700)],
  run(input) {
    const decoded = decodeReleasePaths(input);
    if (decoded.ok) sameBytes(encodeReleasePaths(decoded.value), input);
    return decoded.ok;
  },
};

const inner: BytesTarget = {
  name: 'messages/inner-length',
  kind: 'bytes',
  corpus: () => [Uint8Array.of(0), Uint8Array.of(2, 1, 0), Uint8Array.of(1, 0)],
  run(input) {
    if (input.length === 0) return false;
    const stream = innerStream(input);
    assert.ok(stream.length <= input.length);
    sameBytes(stream, input.slice(input.length - stream.length));
    return true;
  },
};

const PATH_IDS = [
  sealPathContext(key, { kind: 'rod_enrolment', client: 1, expiry: 2 }),
  sealPathContext(key, { kind: 'outbound_payment', paymentId: id.slice(16) }),
];

/** No path id but the two that we made opens, and each of them as one kind only. */
const pathIds: BytesTarget = {
  name: 'messages/path-id',
  kind: 'bytes',
  maxLength: 40,
  corpus: () => PATH_IDS,
  run(input) {
    const opened = CONTEXT_KINDS.filter((kind) => openPathContext(key, kind, input));
    const made = PATH_IDS.some((pathId) => Buffer.compare(pathId, input) === 0);
    assert.equal(opened.length, made ? 1 : 0);
    return made;
  },
};

/** A messenger whose one member brings what the fuzzer makes. */
function target() {
  const tasks: (() => void)[] = [];
  const faults: unknown[] = [];
  let arrive: (message: OnionMessage) => void = () => undefined;
  let taken = 0;
  const messenger = new Messenger({
    virtualNodes: [{ nodeId, secret, contextKey: key }],
    graph: { neighbours: () => [], endsOf: () => undefined, canDial: () => false },
    clock: { now: () => 0, soon: (task) => tasks.push(task) },
    random,
    onFault: (error) => faults.push(error),
  });
  messenger.handle('rod_cancel', 'rod_enrolment', () => {
    taken++;
  });
  void messenger.addMember('member', ec.publicKey(key), {
    open: async (handlers) => {
      arrive = (message) => handlers.onUnforwarded({ to: { nodeId }, message });
      return { send: async () => 'refused', dial: async () => false, close: () => undefined };
    },
  });
  return (message: OnionMessage): number => {
    arrive(message);
    for (let task = tasks.shift(); task; task = tasks.shift()) task();
    assert.deepEqual(faults, []);
    const dropped = [...messenger.dropped.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(dropped + taken, 1, 'a message is neither taken nor counted as dropped');
    return taken;
  };
}

const good = (): OnionMessage =>
  buildOnionMessage(
    {
      target: { path: messagePath({ nodes: [nodeId], pathId: PATH_IDS[0]! }, random) },
      content: encodeContent({ name: 'rod_cancel', rodId: id, pid: id }),
    },
    random,
  )!;

/** The input is path key and packet: a messenger takes it or drops it, and never throws. */
const incoming: BytesTarget = {
  name: 'messages/incoming',
  kind: 'bytes',
  slow: true,
  maxLength: 1500,
  corpus: () => [concat(good().pathKey, good().packet)],
  run: (input) => target()({ pathKey: input.slice(0, 33), packet: input.slice(33) }) === 1,
};

/** The input is the content's value inside an authentic message over a path of ours. */
const authentic: BytesTarget = {
  name: 'messages/incoming-authentic',
  kind: 'bytes',
  slow: true,
  maxLength: 1000,
  corpus: () => [encodeContent({ name: 'rod_cancel', rodId: id, pid: id }).value],
  run(input) {
    const content = { type: MessageContent.rodCancel, value: input };
    const own = messagePath({ nodes: [nodeId], pathId: PATH_IDS[0]! }, random);
    const message = buildOnionMessage({ target: { path: own }, content }, random);
    assert.ok(message);
    const peeled = unwrap(peelOnionMessage(secret, message));
    assert.ok(peeled.kind === 'receive');
    sameBytes(peeled.payload.content!.value, input);
    assert.equal(target()(message) === 1, decodeContent(content).ok);
    return decodeContent(content).ok;
  },
};

/** The input is a whole payload as a sender may write it: it decodes to at most one content. */
const payloads: BytesTarget = {
  name: 'messages/payload',
  kind: 'bytes',
  corpus: () => hexOfVectors(['static-invoice', 'extra-payloads'], 2, 900),
  run(input) {
    const payload = decodeMessagePayload(input, 'final');
    if (payload.ok && payload.value.content) decodeContent(payload.value.content);
    return payload.ok;
  },
};

export const messageTargets: readonly FuzzTarget[] = [
  contents,
  rodPeer,
  releasePaths,
  inner,
  pathIds,
  incoming,
  authentic,
  payloads,
];
