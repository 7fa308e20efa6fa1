/** Names that people read: `user@domain`, with or without a ₿ in front (BIP 353). */
import { refusable, refuse, type Result } from '../wire/result.js';
import { type DnsName, parseDnsName } from './dns-name.js';

export interface PaymentName {
  readonly user: string;
  readonly domain: string;
  /** Where the payment instructions stand, as text with the final dot. */
  readonly dnsName: string;
}

/** Letters of BOLT 12's `invreq_bip_353_name`; other scripts have to come as punycode. */
const PLAIN = /^[0-9A-Za-z_.-]*$/;
/** No longer than what any DNS name allows, so that a long text is not looked through. */
const MAX_TEXT_LENGTH = 256;

/**
 * Reads `user@domain` or `₿user@domain`; a final dot of the domain is dropped.
 * Errors: `name_malformed`, `name_bad_character`, `name_too_long`.
 */
export function parsePaymentName(text: string): Result<PaymentName> {
  return refusable(() => {
    if (text.length > MAX_TEXT_LENGTH) refuse('name_too_long', 'the name is longer than DNS allows');
    const bare = text.startsWith('₿') ? text.slice(1) : text;
    const [user, given, ...more] = bare.split('@');
    if (user === undefined || user === '' || given === undefined || more.length > 0) {
      refuse('name_malformed', 'the name must be user@domain');
    }
    const domain = given.replace(/\.$/, '');
    if (!PLAIN.test(user) || !PLAIN.test(domain)) {
      refuse(
        'name_bad_character',
        'only letters, digits, - _ and . can be used; write other scripts in punycode (xn--…)',
      );
    }
    const dnsName = `${user}.user._bitcoin-payment.${domain}.`;
    const isEmptyLabel = [...user.split('.'), ...domain.split('.')].includes('');
    if (isEmptyLabel) refuse('name_malformed', 'user and domain must not be empty, nor have two dots in a row');
    if (!parseDnsName(dnsName)) refuse('name_too_long', 'a part is longer than 63 bytes, or the DNS name than 255');
    return { user, domain, dnsName };
  });
}

/** The DNS name of a {@link PaymentName}, which was checked when it was read. */
export function dnsNameOf({ dnsName }: PaymentName): DnsName {
  const name = parseDnsName(dnsName);
  if (!name) throw new RangeError(`${dnsName} is no DNS name: make payment names with parsePaymentName`);
  return name;
}
