/**
 * Families of vectors whose subject Manifold does not implement yet: counted aloud as skipped, never as passed. A case belongs
 * to one by its op or kind and the members that come with it; the name of its file says nothing.
 */
import { has } from './members.js';
import type { VectorCase } from './registry.js';

interface LaterFamily {
  readonly family: string;
  /** Members that a case of this op or kind must have. */
  readonly members: Readonly<Record<string, readonly string[]>>;
}

const LATER: readonly LaterFamily[] = [
  {
    family: 'gossip',
    members: {
      message: ['type', 'hex', 'fields'],
      channel_update: ['hex', 'checksum_hex'],
      route: ['amount_msat', 'hops', 'first_htlc'],
    },
  },
  {
    family: 'transport',
    members: { handshake: ['role', 'local_static_privkey', 'steps'], messages: ['ck', 'sk', 'rk', 'outputs'] },
  },
];

/** The family that a case without handler belongs to, or undefined: then it is unsupported. */
export function laterFamily(testCase: VectorCase): string | undefined {
  const name = testCase.kind ?? testCase.op;
  if (name === undefined) return undefined;
  return LATER.find(({ members }) => Object.hasOwn(members, name) && has(testCase, ...members[name]!))?.family;
}

/** Sections of the form that LDK's static invoices have. */
const STATIC_INVOICE_SECTIONS: ReadonlySet<string> = new Set([
  'about',
  'signature_rule',
  'static_invoices',
  'invoice_request_for_static_invoices_1',
  'static_invoice_parse',
  'onion_message_payload_values',
  'onion_message_payload_decoding',
  'blinded_path_used_above',
  'wire',
  'receive_auth_key_aead',
  'ldk_private_contexts',
  'payment_onion',
  'onion_messages',
  'lsps5_signatures',
]);

/** True for a file with an `about`, known sections only, and something in one of them. */
export function isStaticInvoiceFile(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || !('about' in json)) return false;
  const sections = Object.entries(json).filter(([name]) => name !== 'about');
  return (
    sections.every(([name]) => STATIC_INVOICE_SECTIONS.has(name)) &&
    sections.some(([, section]) => typeof section === 'object' && section !== null && Object.keys(section).length > 0)
  );
}
