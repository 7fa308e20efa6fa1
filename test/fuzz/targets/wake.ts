/** Messages of wallets about webhooks, and calls that reach a wallet's webhook. */
import { strict as assert } from 'node:assert';
import { ec } from '../../../src/crypto/index.js';
import {
  decodeRpc,
  encodeError,
  encodeRequest,
  encodeResult,
  notificationBody,
  signedText,
  signMessage,
  verifyNotification,
  writeStamp,
} from '../../../src/offline/wake/index.js';
import { readRequest } from '../../../src/offline/wake/lsps5/requests.js';
import type { FuzzTarget } from '../target.js';

const NOW = 1_700_000_000_000;
const SECRET = new Uint8Array(32).fill(0x61);
const lspNodeId = ec.publicKey(SECRET);
const JSON_LETTERS = '{}[]":,0123456789truefalsnl\\u jsonrpc.lsps5_webhookhttps://x';

const requests = [
  {
    id: '0123456789abcdef',
    method: 'lsps5.set_webhook',
    params: { app_name: 'app', webhook: 'https://example.com/a' },
  },
  { id: '0123456789abcdef', method: 'lsps5.list_webhooks', params: {} },
  { id: '0123456789abcdef', method: 'lsps5.remove_webhook', params: { app_name: 'app' } },
];

const RULES = { allowsHttp: () => false, refusal: () => undefined };
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** What is read as a request is read the same after being written anew. */
const rpc: FuzzTarget = {
  name: 'wake/rpc',
  kind: 'text',
  alphabet: JSON_LETTERS,
  corpus: () => [
    ...requests.map((request) => textOf(encodeRequest(request))),
    textOf(encodeResult('0123456789abcdef', { num_webhooks: 1 })),
    textOf(encodeError(null, { code: -32700, message: 'Parse error' })),
  ],
  run(input) {
    const read = decodeRpc(new TextEncoder().encode(input));
    if (!read.ok) return false;
    if (read.value.kind === 'request') {
      const again = decodeRpc(encodeRequest(read.value));
      assert.deepEqual(again, read);
      readRequest(read.value, RULES);
    }
    return true;
  },
};

/** The body of a call whose signature fits: whatever it says, it is a known method or `unknown`. */
const notification: FuzzTarget = {
  name: 'wake/notification',
  kind: 'text',
  alphabet: JSON_LETTERS,
  corpus: () => [
    notificationBody({ method: 'lsps5.payment_incoming', params: {} }),
    notificationBody({ method: 'lsps5.expiry_soon', params: { timeout: 800_000 } }),
    notificationBody({ method: 'manifold.settlement_pending', params: { deadline: 800_000 } }),
  ],
  run(input) {
    const stamp = writeStamp(NOW);
    const rawBody = new TextEncoder().encode(input);
    const signature = signMessage(signedText(stamp, rawBody), SECRET);
    const headers = { 'x-lsps5-timestamp': stamp, 'x-lsps5-signature': signature };
    const call = { headers, rawBody, lspNodeId, now: NOW, seen: [] };
    const verified = verifyNotification(call);
    // Nothing is believed under another key.
    const other = { ...call, lspNodeId: ec.publicKey(new Uint8Array(32).fill(0x62)) };
    assert.equal(verifyNotification(other).ok, false);
    return verified.ok;
  },
  slow: true,
};

export const wakeTargets: readonly FuzzTarget[] = [rpc, notification];
