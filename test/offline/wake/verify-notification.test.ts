import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notificationBody, type WakeNotification } from '../../../src/offline/wake/lsps5/notifications.js';
import { MAX_SKEW_MS, type ReceivedCall, verifyNotification } from '../../../src/offline/wake/verify-notification.js';
import { utf8 } from '../../../src/wire/bytes.js';
import { LSP_ID, LSP_KEY, OTHER_KEY, signedHeaders, VECTOR } from './support.js';

const NOW = Date.UTC(2026, 10, 20, 18, 0, 0, 123);
const BODY = VECTOR.body;

function received(overrides: Partial<ReceivedCall> & { readonly body?: string; readonly key?: Uint8Array } = {}) {
  const { body = BODY, key = LSP_KEY, ...rest } = overrides;
  return verifyNotification({
    headers: signedHeaders(body, NOW, key),
    rawBody: utf8(body),
    lspNodeId: LSP_ID,
    now: NOW,
    seen: [],
    ...rest,
  });
}

const codeOf = (result: ReturnType<typeof verifyNotification>): string => (result.ok ? 'ok' : result.error.code);

describe('a received notification', () => {
  it.each(VECTOR.cases)('of the vectors is believed in its time ($note)', ({ timestamp, zbase32 }) => {
    const sentAt = Date.parse('2023-05-04T10:52:58.395Z');
    const headers = { 'x-lsps5-timestamp': timestamp, 'x-lsps5-signature': zbase32 };
    const result = received({ headers, now: sentAt + 5_000 });
    expect(result).toMatchObject({
      ok: true,
      value: { notification: { method: 'lsps5.payment_incoming', params: {} }, sentAt },
    });
    expect(codeOf(received({ headers }))).toBe('clock_skew');
  });

  it.each<WakeNotification>([
    { method: 'lsps5.webhook_registered', params: {} },
    { method: 'lsps5.payment_incoming', params: {} },
    { method: 'lsps5.onion_message_incoming', params: {} },
    { method: 'lsps5.liquidity_management_request', params: {} },
    { method: 'lsps5.expiry_soon', params: { timeout: 900_123 } },
    { method: 'manifold.settlement_pending', params: { deadline: 900_123 } },
  ])('has its type: $method', (notification) => {
    const result = received({ body: notificationBody(notification) });
    expect(result).toMatchObject({ ok: true, value: { notification } });
  });

  it('is written with its members in the order that others write them', () => {
    expect(notificationBody({ method: 'lsps5.payment_incoming', params: {} })).toBe(BODY);
    expect(notificationBody({ method: 'lsps5.expiry_soon', params: { timeout: 7 } })).toBe(
      '{"jsonrpc":"2.0","method":"lsps5.expiry_soon","params":{"timeout":7}}',
    );
  });

  it('with a method that we do not know is told apart, not refused', () => {
    for (const name of ['lsps5.goodbye', 'x', 'constructor', '__proto__', 'toString']) {
      const body = JSON.stringify({ jsonrpc: '2.0', method: name, params: { a: 1 } });
      expect(received({ body })).toMatchObject({ ok: true, value: { notification: { method: 'unknown', name } } });
    }
  });

  it('is read from the bytes as they came, whatever their order and spaces', () => {
    const body = ' {"params": {"more": [], "timeout": 5}, "method": "lsps5.expiry_soon", "jsonrpc": "2.0"}\n';
    expect(received({ body })).toMatchObject({ ok: true, value: { notification: { params: { timeout: 5 } } } });
    expect(received({ body })).not.toHaveProperty('value.notification.params.more');
    expect(received({ body, rawBody: body })).toMatchObject({ ok: true });
  });

  it.each(['"5"', '-1', '1.5', '1e300', 'null', '[5]', '500000000'])('with timeout %s is refused', (timeout) => {
    const body = `{"jsonrpc":"2.0","method":"lsps5.expiry_soon","params":{"timeout":${timeout}}}`;
    expect(codeOf(received({ body }))).toBe('bad_body');
  });

  it.each([
    '',
    '{}',
    '[]',
    'null',
    '{"jsonrpc":"2.0","method":"lsps5.payment_incoming"}',
    '{"jsonrpc":"2.0","method":"lsps5.payment_incoming","params":[]}',
    '{"jsonrpc":"2.0","method":"lsps5.payment_incoming","params":{},"id":"1"}',
    '{"jsonrpc":"1.0","method":"lsps5.payment_incoming","params":{}}',
    '{"jsonrpc":"2.0","method":5,"params":{}}',
    '['.repeat(16_000),
  ])('whose body is no notification is refused, though signed: %.40s', (body) => {
    expect(codeOf(received({ body }))).toBe('bad_body');
  });

  it('is refused if the body, the stamp or the signature was changed', () => {
    const headers = signedHeaders(BODY, NOW);
    expect(codeOf(received({ headers, body: `${BODY} ` }))).toBe('wrong_key');
    expect(codeOf(received({ headers, body: BODY.replace('payment', 'Payment') }))).toBe('wrong_key');
    const stamped = { ...headers, 'X-LSPS5-Timestamp': headers['X-LSPS5-Timestamp']!.replace('+00:00', 'Z') };
    expect(codeOf(received({ headers: stamped }))).toBe('wrong_key');
    const signature = headers['x-lsps5-signature']!;
    for (let at = 0; at < signature.length; at += 7) {
      const changed = `${signature.slice(0, at)}${signature[at] === 'y' ? 'b' : 'y'}${signature.slice(at + 1)}`;
      const code = codeOf(received({ headers: { ...headers, 'x-lsps5-signature': changed } }));
      expect(['bad_signature', 'wrong_key']).toContain(code);
    }
  });

  it('by another key is refused', () => {
    expect(codeOf(received({ key: OTHER_KEY }))).toBe('wrong_key');
  });

  it('is believed within ten minutes of either side', () => {
    for (const [now, code] of [
      [NOW + MAX_SKEW_MS, 'ok'],
      [NOW - MAX_SKEW_MS, 'ok'],
      [NOW + MAX_SKEW_MS + 1, 'clock_skew'],
      [NOW - MAX_SKEW_MS - 1, 'clock_skew'],
    ] as const) {
      expect(codeOf(received({ now }))).toBe(code);
    }
  });

  it('is believed once', () => {
    const first = received();
    if (!first.ok) throw new Error('the first is believed');
    const { seen } = first.value;
    const again = received({ seen });
    expect(codeOf(again)).toBe('replayed');
    const headers = signedHeaders(BODY, NOW);
    const louder = { ...headers, 'x-lsps5-signature': headers['x-lsps5-signature']!.toUpperCase() };
    expect(codeOf(received({ seen, headers: louder }))).toBe('replayed');
    expect(codeOf(received({ seen, headers: signedHeaders(BODY, NOW + 1) }))).toBe('ok');
  });

  it('that is refused is not remembered, and what is remembered is bounded', () => {
    let seen: readonly string[] = [];
    for (let i = 1; i <= 300; i++) {
      const result = received({ headers: signedHeaders(BODY, NOW + i), seen });
      if (!result.ok) throw new Error(result.error.code);
      ({ seen } = result.value);
      expect(seen).toHaveLength(Math.min(i, 256));
    }
    expect(received({ key: OTHER_KEY, seen })).not.toHaveProperty('value');
    expect(codeOf(received({ headers: signedHeaders(BODY, NOW + 300), seen }))).toBe('replayed');
  });

  it.each<[string, Record<string, string | readonly string[] | undefined>]>([
    ['none', {}],
    ['no signature', { 'x-lsps5-timestamp': '2023-05-04T10:52:58.395Z' }],
    ['no stamp', { 'x-lsps5-signature': 'y' }],
    ['an undefined one', { ...signedHeaders(BODY, NOW), 'x-lsps5-signature': undefined }],
    ['a list', { ...signedHeaders(BODY, NOW), 'x-lsps5-signature': ['y', 'y'] }],
    ['two of different case', { ...signedHeaders(BODY, NOW), 'x-lsps5-timestamp': 'x' }],
    ['a long one', { ...signedHeaders(BODY, NOW), 'x-lsps5-signature': 'y'.repeat(1_000_000) }],
  ])('with bad headers is refused: %s', (_name, headers) => {
    expect(codeOf(received({ headers }))).toBe('bad_header');
  });

  it('with a flood as body is refused before it is looked at', () => {
    expect(codeOf(received({ headers: signedHeaders(BODY, NOW), rawBody: new Uint8Array(16_385) }))).toBe('too_long');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (rawBody, stamp, signature) => {
        const headers = { 'x-lsps5-timestamp': stamp, 'x-lsps5-signature': signature };
        expect(received({ headers, rawBody }).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (body) => {
        expect(['ok', 'bad_body']).toContain(codeOf(received({ body })));
      }),
    );
  });
});
