/** Families of vectors whose subject Manifold does not implement yet: counted aloud as skipped, never as passed. */
import type { VectorCase, VectorFile } from './registry.js';

interface LaterFamily {
  readonly family: string;
  /** By the file's name, ... */
  readonly files: RegExp;
  /** ... or, in files of other names, by what the case holds. */
  readonly matches: (testCase: VectorCase) => boolean;
}

const named =
  (...names: string[]) =>
  ({ op, kind }: VectorCase): boolean =>
    names.includes(kind ?? op ?? '');

const BOLT12_KINDS = [
  'offer',
  'invoice_request',
  'invoice',
  'static_invoice',
  'merkle',
  'invreq_bip_353_name',
  'invoice_error',
  'blinded_payinfo_array',
  'invreq_for_offer',
  'invoice_for_invreq',
];

/** Offers and signed streams come without op or kind. */
function looksLikeBolt12(testCase: VectorCase): boolean {
  if (named(...BOLT12_KINDS)(testCase)) return true;
  const unnamed = testCase.op === undefined && testCase.kind === undefined;
  return unnamed && ['offer', 'string', 'leaves'].some((member) => testCase[member] !== undefined);
}

function looksLikeBip353(testCase: VectorCase): boolean {
  return named('txt_selection', 'proof', 'name')(testCase) || testCase['hrn'] !== undefined;
}

const LATER: readonly LaterFamily[] = [
  { family: 'trampoline (draft)', files: /^bolt04-trampoline/, matches: () => false },
  { family: 'gossip', files: /^bolt07-/, matches: named('message', 'channel_update', 'route') },
  { family: 'transport', files: /^bolt08-/, matches: named('handshake', 'messages') },
  { family: 'BOLT 12', files: /^(bolt12-|extra-bolt12)/, matches: looksLikeBolt12 },
  { family: 'BIP 353', files: /^bip353/, matches: looksLikeBip353 },
  { family: 'bLIP-32', files: /^blip32-/, matches: named('dnssec_query', 'dnssec_proof') },
  { family: 'static invoices', files: /^static-invoice/, matches: () => false },
];

/** The family that a case without handler belongs to, or undefined: then it is unsupported. */
export function laterFamily(testCase: VectorCase, file: VectorFile): string | undefined {
  return LATER.find(({ files, matches }) => files.test(file.name) || matches(testCase))?.family;
}

/** The same for a file that has its own form. */
export function laterFile(name: string): string | undefined {
  return LATER.find(({ files }) => files.test(name))?.family;
}
