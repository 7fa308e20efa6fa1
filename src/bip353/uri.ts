/** Which TXT record holds the payment instructions, and what its `bitcoin:` URI says (BIP 353 "Resolution", BIP 321). */
import { concat, utf8Text } from '../wire/bytes.js';
import { refusable, refuse, type Result } from '../wire/result.js';

export interface PaymentUri {
  readonly uri: string;
  /** BOLT 12 offers (`lno`) as they stand there, unread, in order. */
  readonly offers: readonly string[];
  /** Addresses of the Bitcoin main chain: the URI's body, then `bc`. */
  readonly addresses: readonly string[];
  /** All parameters in order; names in lower case, values decoded. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

const SCHEME = 'bitcoin:';
const hasScheme = (text: string): boolean => text.slice(0, SCHEME.length).toLowerCase() === SCHEME;

/**
 * The one record that starts with `bitcoin:`, its strings joined. Errors: `no_bitcoin_record`, `multiple_bitcoin_records`,
 * `uri_bad_character`.
 */
export function chooseUri(records: readonly (readonly Uint8Array[])[]): Result<string> {
  return refusable(() => {
    const joined = records.map((pieces) => concat(...pieces));
    const [chosen, ...more] = joined.filter((bytes) => hasScheme(latin1(bytes.subarray(0, SCHEME.length))));
    if (!chosen) refuse('no_bitcoin_record', 'no TXT record of this name starts with bitcoin:');
    if (more.length > 0) {
      refuse('multiple_bitcoin_records', 'several TXT records of this name start with bitcoin:, so none can be used');
    }
    const uri = utf8Text(chosen) ?? '';
    // A URI is printable ASCII without blanks (RFC 3986 §2).
    if (!/^[!-~]+$/.test(uri)) refuse('uri_bad_character', 'the bitcoin: record has characters that no URI has');
    return uri;
  });
}

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** Errors: `not_a_bitcoin_uri`, `uri_bad_percent`, `uri_requires_unknown`. */
export function readPaymentUri(uri: string): Result<PaymentUri> {
  return refusable(() => {
    if (!hasScheme(uri)) refuse('not_a_bitcoin_uri', 'the text does not start with bitcoin:');
    const [body = '', ...query] = uri.slice(SCHEME.length).split('#', 1)[0]!.split('?');
    const parameters = query
      .join('?')
      .split('&')
      .filter((text) => text !== '')
      .map(readParameter);
    const required = parameters.find(([name]) => name.startsWith('req-'));
    if (required) {
      refuse('uri_requires_unknown', `the payee demands ${required[0]}, which is not supported: pay in another way`);
    }
    const valuesOf = (wanted: string): string[] =>
      parameters.filter(([name, value]) => name === wanted && value !== '').map(([, value]) => value);
    const address = percentDecoded(body);
    return {
      uri,
      offers: valuesOf('lno'),
      addresses: [...(address === '' ? [] : [address]), ...valuesOf('bc')],
      parameters,
    };
  });
}

/** Names are the same in any case (BIP 321). */
function readParameter(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  const [name, value] = equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
  return [percentDecoded(name).toLowerCase(), percentDecoded(value)];
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse('uri_bad_percent', 'a % in the URI is not followed by two hex digits of UTF-8 text');
  }
}
