/** How the machines of this folder are kept: one document each, replaced as a whole, by whoever has read its last version. */
import type { Millis } from '../wire/units.js';

/** Several kinds of machines share a store; a kind says which codec a document needs. */
export type DocumentKind =
  | 'offer_payment'
  | 'offer_cache'
  | 'client'
  | 'static_invoice'
  | 'held_htlc'
  | 'early_release'
  | 'rod_request'
  | 'rod_payment'
  | 'rod_notice';

export interface DocumentFields<Body> {
  /** Unique within the kind. */
  readonly id: string;
  /** What documents are looked up by beside their id: a wallet, a node. */
  readonly scope: string;
  /** When it has to be looked at; undefined: only when something happens. */
  readonly dueAt?: Millis;
  /** False once nothing can happen to it any more; kept for a while and then purged. */
  readonly isOpen: boolean;
  readonly body: Body;
}

export interface StoredDocument<Body> extends DocumentFields<Body> {
  /** From 1 on, one more with each write. */
  readonly version: number;
  readonly createdAt: Millis;
}

export interface DocumentQuery {
  readonly scope?: string;
  readonly isOpen?: boolean;
  readonly limit: number;
  /** Continue after this one; newest come first. */
  readonly before?: { readonly createdAt: Millis; readonly id: string };
}

export interface Documents<Body> {
  read(id: string): Promise<StoredDocument<Body> | undefined>;
  /**
   * Writes a document. @param version the one that was read, 0 for a new one. Undefined if another writer was faster: read it
   * again, step it again.
   */
  write(document: DocumentFields<Body>, version: number): Promise<StoredDocument<Body> | undefined>;
  /** Takes what is due now; nobody else gets it for `leaseMs`. */
  claimDue(limit: number, leaseMs: Millis): Promise<readonly StoredDocument<Body>[]>;
  list(query: DocumentQuery): Promise<readonly StoredDocument<Body>[]>;
  count(query: Pick<DocumentQuery, 'scope' | 'isOpen'>): Promise<number>;
  remove(id: string): Promise<void>;
}

/** Tries of a step that loses against other writers. */
const MOST_TRIES = 10;

/**
 * Reads, changes and writes until nobody came between. `change` may run several times and must have no effects; undefined
 * leaves everything as it is. What is answered is what was written, with what `change` returned.
 */
export async function updateDocument<Body, Change extends { readonly document: DocumentFields<Body> }>(
  documents: Documents<Body>,
  id: string,
  change: (stored: StoredDocument<Body> | undefined) => Change | undefined,
): Promise<Change | undefined> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const stored = await documents.read(id);
    const changed = change(stored);
    if (!changed) return undefined;
    if (await documents.write(changed.document, stored?.version ?? 0)) return changed;
  }
  throw new Error(`document ${id} is written by others all the time`);
}
