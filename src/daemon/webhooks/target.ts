/** Where webhooks may point: http and https, and no address inside the operator's network unless he says so. */
import { BlockList, isIP } from 'node:net';

const INNER = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  INNER.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2002::', 16],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  INNER.addSubnet(network, prefix, 'ipv6');
}

/** True for addresses that mean this machine, its network, or a way around such a rule (mapped and translated ones). */
export function isInnerAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  return INNER.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const MAX_URL = 2_048;

/** Why a URL cannot be a target; undefined if it can. Names are looked up, and checked again, at each delivery. */
export function refusedTarget(text: string, allowPrivate: boolean): string | undefined {
  if (text.length > MAX_URL) return `a URL has at most ${MAX_URL} characters`;
  if (!URL.canParse(text)) return 'this is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'only http and https URLs can be called';
  if (url.username !== '' || url.password !== '')
    return 'leave user and password out of the URL; deliveries are signed';
  const host = url.hostname.replace(/^\[|\]$|\.+$/g, ''); // a dot at the end names the same host
  const isInner = host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && isInnerAddress(host));
  if (isInner && !allowPrivate)
    return 'this address is inside the own network; set allow_private = true in [webhooks] to permit that';
  return undefined;
}
