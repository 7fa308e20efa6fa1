import { describe, expect, it } from 'vitest';
import { readRequest, type UrlRules } from '../../../src/offline/wake/lsps5/requests.js';
import type { JsonObject } from '../../../src/offline/wake/lsps0/message.js';

const RULES: UrlRules = {
  allowsHttp: ({ hostname }) => hostname === 'here',
  refusal: ({ hostname }) => (hostname === 'inside' ? 'it is inside' : undefined),
};

const set = (webhook: unknown, app_name: unknown = 'app', more: JsonObject = {}) =>
  readRequest({ method: 'lsps5.set_webhook', params: { app_name, webhook, ...more } }, RULES);

function codeOf(result: ReturnType<typeof readRequest>): number | string {
  return result.ok ? result.value.type : result.error.code;
}

describe('requests of LSPS5', () => {
  it('are read', () => {
    const url = 'https://www.example.org/push?l=1234567890abcdefghijklmnopqrstuv&c=best';
    expect(set(url, 'My LSPS-Compliant Lightning Client')).toEqual({
      ok: true,
      value: { type: 'set', appName: 'My LSPS-Compliant Lightning Client', url },
    });
    expect(codeOf(readRequest({ method: 'lsps5.list_webhooks', params: {} }, RULES))).toBe('list');
    expect(codeOf(readRequest({ method: 'lsps5.remove_webhook', params: { app_name: 'a' } }, RULES))).toBe('remove');
    expect(codeOf(readRequest({ method: 'lsps0.list_protocols', params: {} }, RULES))).toBe('protocols');
  });

  it('of other methods are not known', () => {
    for (const method of ['', 'lsps5.webhook_registered', 'lsps1.get_info', 'constructor', '__proto__'])
      expect(codeOf(readRequest({ method, params: {} }, RULES)), method).toBe(-32601);
  });

  it('name what they do not know of the parameters', () => {
    const result = set('https://a.example/', 'app', { future: 1, other: null });
    expect(result).toMatchObject({ error: { code: -32602, data: { unrecognized: ['future', 'other'] } } });
    const listed = readRequest({ method: 'lsps5.list_webhooks', params: { x: 1 } }, RULES);
    expect(listed).toMatchObject({ error: { code: -32602, data: { unrecognized: ['x'] } } });
  });

  it('with parameters of the wrong kind say so, with the list that bLIP-50 wants', () => {
    const bad = [undefined, null, 5, true, [], {}, ['https://a.example']];
    const results = [
      ...bad.map((value) => set(value)),
      ...bad.filter((value) => value !== undefined).map((value) => set('https://a.example', value)),
      readRequest({ method: 'lsps5.remove_webhook', params: {} }, RULES),
      readRequest({ method: 'lsps5.list_webhooks', params: undefined }, RULES),
      set('https://a.example', 'a\0b'),
      set('https://a.example', 'half \ud800'),
    ];
    for (const result of results)
      expect(result).toMatchObject({ ok: false, error: { code: -32602, data: { unrecognized: [] } } });
  });

  it('have names of at most 64 bytes', () => {
    expect(codeOf(set('https://a.example', 'x'.repeat(64)))).toBe('set');
    expect(codeOf(set('https://a.example', 'x'.repeat(65)))).toBe(500);
    expect(codeOf(set('https://a.example', 'ä'.repeat(32)))).toBe('set');
    expect(codeOf(set('https://a.example', 'ä'.repeat(33)))).toBe(500);
    expect(codeOf(set('https://a.example', '😀'.repeat(16)))).toBe('set');
    expect(codeOf(set('https://a.example', ''))).toBe('set');
  });

  it('have URLs of at most 1,024 characters', () => {
    const url = (length: number): string => `https://a.example/${'x'.repeat(length - 18)}`;
    expect(codeOf(set(url(1024)))).toBe('set');
    expect(codeOf(set(url(1025)))).toBe(500);
  });

  it.each([
    ['https://a.example', 'set'],
    ['HTTPS://A.example:8443/x?y#z', 'set'],
    ['https://[2606:4700::1111]/', 'set'],
    ['http://here/x', 'set'],
    ['http://here.example/', 502],
    ['http://a.example/', 502],
    ['ftp://a.example/', 502],
    ['file:///etc/passwd', 502],
    ['gopher://a.example/', 502],
    ['', 501],
    ['https:a.example', 501],
    ['https:/a.example', 501],
    ['//a.example', 501],
    ['a.example', 501],
    ['https://', 501],
    ['https://a.example:99999/', 501],
    ['https://exa mple/', 501],
    [' https://a.example/', 501],
    ['https://a.example/\n', 501],
    ['https://a.example/\tx', 501],
    ['https://ä.example/', 501],
    ['https://u:p@a.example/', 501],
    ['https://u@a.example/', 501],
    ['https://inside/', 501],
    ['javascript:alert(1)', 501],
    ['data:text/plain,x', 501],
  ])('with URL %j are answered %s', (url, code) => {
    expect(codeOf(set(url))).toBe(code);
  });
});
