import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRpc,
  encodeError,
  encodeRequest,
  encodeResult,
  LSPS_FEATURE,
  LSPS0_MESSAGE_TYPE,
  MAX_LSPS0_BYTES,
  PARSE_ERROR,
  type RpcMessage,
} from '../../../src/offline/wake/lsps0/message.js';
import {
  askLsp,
  expireLspsRequests,
  hearLsp,
  lspConnected,
  type LspsSession,
  NEW_LSPS_SESSION,
} from '../../../src/offline/wake/lsps0/session.js';
import {
  askListWebhooks,
  askProtocols,
  askRemoveWebhook,
  askSetWebhook,
  readProtocols,
  readWebhookList,
  readWebhookSet,
} from '../../../src/offline/wake/lsps5/client.js';
import { unwrap } from '../../../src/wire/result.js';
import { utf8, utf8Text } from '../../../src/wire/bytes.js';

const decode = (text: string): RpcMessage => unwrap(decodeRpc(utf8(text)));
function codeOf(payload: Uint8Array | string): string {
  const result = decodeRpc(typeof payload === 'string' ? utf8(payload) : payload);
  return result.ok ? result.value.kind : result.error.code;
}

describe('LSPS0 messages', () => {
  it('have the numbers of bLIP-50', () => {
    expect([LSPS0_MESSAGE_TYPE, LSPS_FEATURE, MAX_LSPS0_BYTES]).toEqual([37913, 729, 65533]);
  });

  it('are read: the example of bLIP-50', () => {
    const request =
      '{"method":"lsps0.list_protocols","jsonrpc":"2.0","id":"example#3cad6a54d302edba4c9ade2f7ffac098","params":{}}';
    expect(decode(` \t\r\n${request}\n`)).toEqual({
      kind: 'request',
      id: 'example#3cad6a54d302edba4c9ade2f7ffac098',
      method: 'lsps0.list_protocols',
      params: {},
    });
    const answer = { protocols: [1, 3], 'example-undefined-key-that-clients-should-ignore': true };
    expect(decode(JSON.stringify({ jsonrpc: '2.0', id: 'a', result: answer }))).toEqual({
      kind: 'result',
      id: 'a',
      result: answer,
    });
    expect(unwrap(readProtocols(answer))).toEqual([1, 3]);
  });

  it('without parameters by name say so', () => {
    expect(decode('{"jsonrpc":"2.0","id":"a","method":"m"}')).toMatchObject({ params: {} });
    for (const params of ['[]', '[1]', '5', '"x"', 'null'])
      expect(decode(`{"jsonrpc":"2.0","id":"a","method":"m","params":${params}}`)).toMatchObject({
        kind: 'request',
        params: undefined,
      });
  });

  it.each([
    ['', 'not_json'],
    ['{', 'not_json'],
    ['{}{}', 'not_json'],
    ['{}{', 'not_json'],
    ['{}\0', 'not_json'],
    ['\uFEFF{}', 'not_json'],
    [' [ ] ', 'not_object'],
    ['null', 'not_object'],
    ['7', 'not_object'],
    ['[{"jsonrpc":"2.0","id":"a","method":"m","params":{}}]', 'not_object'],
    ['{}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0"}', 'not_json_rpc'],
    ['{"jsonrpc":2.0,"id":"a","method":"m"}', 'not_json_rpc'],
    ['{"id":"a","method":"m"}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":1,"method":"m"}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":null,"method":"m"}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","method":"m"}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","method":["m"],"id":"a"}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":"a","error":"x"}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":"a","error":{"code":"1"}}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":"a","error":{"code":1.5}}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","error":{"code":1}}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":7,"error":{"code":1}}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","id":null,"result":{}}', 'not_json_rpc'],
    ['{"jsonrpc":"2.0","__proto__":{"method":"m","id":"a"}}', 'not_json_rpc'],
  ])('that are bad are refused: %s', (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it('that are long, not UTF-8 or deep are refused', () => {
    expect(codeOf(new Uint8Array(MAX_LSPS0_BYTES + 1).fill(0x20))).toBe('too_long');
    expect(codeOf(new Uint8Array(MAX_LSPS0_BYTES).fill(0x20))).toBe('not_json');
    expect(codeOf(Uint8Array.of(0x7b, 0xff, 0x7d))).toBe('not_utf8');
    expect(codeOf('['.repeat(MAX_LSPS0_BYTES))).toBe('not_json');
    const depth = (MAX_LSPS0_BYTES - 60) >> 1;
    const deep = `{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
    expect(codeOf(deep)).toBe('request');
  });

  it('with errors show only harmless text of them', () => {
    const message = `no\0\u001b[31m<script>\u202e${'x'.repeat(1000)}`;
    const read = decode(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: 7, message, data: [1] } }));
    if (read.kind !== 'error') throw new Error('this is an error');
    expect(read.id).toBeNull();
    expect(read.error).toEqual({ code: 7, message: `no??[31m?script??${'x'.repeat(483)}` });
  });

  it('come back as they were', () => {
    const request = { id: 'i', method: 'm', params: { a: [1, 'ä'] } };
    expect(unwrap(decodeRpc(encodeRequest(request)))).toEqual({ kind: 'request', ...request });
    expect(unwrap(decodeRpc(encodeResult('i', { a: 1 })))).toEqual({ kind: 'result', id: 'i', result: { a: 1 } });
    expect(utf8Text(encodeError(null, PARSE_ERROR))).toMatch(/^{"jsonrpc":"2.0","id":null,"error":{"code":-32700,/);
    expect(unwrap(decodeRpc(encodeError('i', PARSE_ERROR)))).toEqual({ kind: 'error', id: 'i', error: PARSE_ERROR });
  });

  it('never make it throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (payload) => {
        decodeRpc(payload);
      }),
      { numRuns: 500 },
    );
    const member = fc.oneof(fc.constantFrom('2.0', 'm', null, 1, undefined), fc.jsonValue());
    const object = fc.record({
      jsonrpc: fc.constant('2.0'),
      id: member,
      method: member,
      params: member,
      error: member,
    });
    fc.assert(
      fc.property(object, (value) => {
        decodeRpc(utf8(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('a session with an LSP', () => {
  let next = 0;
  const ask = (session: LspsSession, now = 1_000, call = askProtocols()) => {
    const asked = askLsp(session, call, { random: new Uint8Array(10).fill(++next), now, timeoutMs: 60_000 });
    if (asked.kind !== 'asked') throw new Error(asked.reason);
    return asked;
  };

  it('matches answers to requests, in any order, once', () => {
    const first = ask(NEW_LSPS_SESSION);
    const second = ask(first.session, 1_000, askListWebhooks());
    expect(first.id).not.toBe(second.id);
    expect(first.id).toHaveLength(20);
    const heard = hearLsp(second.session, encodeResult(second.id, { app_names: [], max_webhooks: 1 }), 1_001);
    expect(heard.answer).toMatchObject({ kind: 'result', request: { id: second.id, method: 'lsps5.list_webhooks' } });
    const again = hearLsp(heard.session, encodeResult(second.id, {}), 1_002);
    expect(again.answer.kind).toBe('ignored');
    const error = hearLsp(again.session, encodeError(first.id, { code: 1002, message: 'slow' }), 1_003);
    expect(error.answer).toMatchObject({ kind: 'error', error: { code: 1002, message: 'slow' } });
    expect(error.session).toEqual(NEW_LSPS_SESSION);
  });

  it('ignores answers to nothing, requests, and errors without id', () => {
    const { session, id } = ask(NEW_LSPS_SESSION);
    for (const payload of [
      encodeResult('other', {}),
      encodeError(null, PARSE_ERROR),
      encodeRequest({ id, method: 'lsps0.list_protocols', params: {} }),
    ]) {
      const heard = hearLsp(session, payload, 2_000);
      expect([heard.answer.kind, heard.session]).toEqual(['ignored', session]);
    }
    const told = hearLsp(session, utf8('{"jsonrpc":"2.0","method":"lsps9.told","params":{"a":1}}'), 2_000);
    expect(told.answer).toEqual({ kind: 'notification', method: 'lsps9.told', params: { a: 1 } });
  });

  it('gives requests up after their time, and takes no answer later', () => {
    const { session, id } = ask(NEW_LSPS_SESSION);
    expect(expireLspsRequests(session, 60_999)).toEqual({ session, expired: [] });
    expect(hearLsp(session, encodeResult(id, {}), 61_000).answer.kind).toBe('ignored');
    expect(expireLspsRequests(session, 61_000)).toMatchObject({ session: NEW_LSPS_SESSION, expired: [{ id }] });
  });

  it('asks nothing more after a bad message until it is connected again', () => {
    const { session } = ask(NEW_LSPS_SESSION);
    const heard = hearLsp(session, utf8('{'), 2_000);
    const options = { random: new Uint8Array(10), now: 0, timeoutMs: 1 };
    expect(askLsp(heard.session, askProtocols(), options)).toEqual({ kind: 'refused', reason: 'silenced' });
    expect(ask(lspConnected(heard.session)).session.waiting).toHaveLength(2);
  });

  it('waits for a bounded number of answers', () => {
    let session = NEW_LSPS_SESSION;
    for (let i = 0; i < 32; i++) session = ask(session).session;
    const options = { random: new Uint8Array(10), now: 0, timeoutMs: 1 };
    expect(askLsp(session, askProtocols(), options)).toEqual({ kind: 'refused', reason: 'too_many_waiting' });
  });

  it('needs 80 bits of randomness', () => {
    const options = { random: new Uint8Array(9), now: 0, timeoutMs: 1 };
    expect(() => askLsp(NEW_LSPS_SESSION, askProtocols(), options)).toThrow(RangeError);
  });
});

describe('what a wallet asks of LSPS5', () => {
  it('is named as in bLIP-55', () => {
    expect(askSetWebhook('app', 'https://a.example/')).toEqual({
      method: 'lsps5.set_webhook',
      params: { app_name: 'app', webhook: 'https://a.example/' },
    });
    expect(askRemoveWebhook('app')).toEqual({ method: 'lsps5.remove_webhook', params: { app_name: 'app' } });
  });

  it('is answered as bLIP-55 says, or not believed', () => {
    const set = { num_webhooks: 2, max_webhooks: 4, no_change: false, more: 1 };
    expect(unwrap(readWebhookSet(set))).toEqual({ numWebhooks: 2, maxWebhooks: 4, noChange: false });
    expect(unwrap(readWebhookList({ app_names: ['a'], max_webhooks: 42 }))).toEqual({
      appNames: ['a'],
      maxWebhooks: 42,
    });
    for (const bad of [undefined, null, [], 5, 'x', {}, { ...set, num_webhooks: -1 }, { ...set, max_webhooks: '4' }])
      expect(readWebhookSet(bad).ok).toBe(false);
    for (const bad of [null, {}, { app_names: 'a', max_webhooks: 1 }, { app_names: [1], max_webhooks: 1 }])
      expect(readWebhookList(bad).ok).toBe(false);
    for (const bad of [null, {}, { protocols: [1.5] }, { protocols: {} }]) expect(readProtocols(bad).ok).toBe(false);
  });
});
