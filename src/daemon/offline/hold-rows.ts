/** Held HTLCs and early releases in the store. */
import { type Documents, type StoredDocument, updateDocument } from '../../offline/documents.js';
import { stepHold } from '../../offline/hold/step.js';
import type { HeldHtlc, HoldContext, HoldEvent, HoldStep } from '../../offline/hold/types.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';

/** Somebody asked for an HTLC that is not there yet. */
export interface EarlyRelease {
  readonly releasedAt: Millis;
}

/** A release waits so long for its HTLC. */
const EARLY_RELEASE_MS: Millis = 600_000;
const PAGE = 500;
const FORGET_AT_ONCE = 100;
const MOST_FORGOTTEN = 10_000;

export class HoldRows {
  readonly #held: Documents<HeldHtlc>;
  readonly #early: Documents<EarlyRelease>;
  readonly #now: () => Millis;

  constructor(held: Documents<HeldHtlc>, early: Documents<EarlyRelease>, now: () => Millis) {
    this.#held = held;
    this.#early = early;
    this.#now = now;
  }

  /** What may still happen at a node. */
  async openAt(nodeId: NodeId): Promise<readonly HeldHtlc[]> {
    const found: HeldHtlc[] = [];
    let page: readonly StoredDocument<HeldHtlc>[] = [];
    do {
      const before = page.at(-1);
      page = await this.#held.list({ scope: toHex(nodeId), isOpen: true, limit: PAGE, ...(before && { before }) });
      found.push(...page.map(({ body }) => body));
    } while (page.length === PAGE);
    return found;
  }

  async list(limit: number, isOpen: boolean | undefined): Promise<readonly HeldHtlc[]> {
    const listed = await this.#held.list({ limit, ...(isOpen !== undefined && { isOpen }) });
    return listed.map(({ body }) => body);
  }

  async read(id: string): Promise<HeldHtlc | undefined> {
    return (await this.#held.read(id))?.body;
  }

  /** Resolves to what is kept: another process may have been faster. */
  async insert(held: HeldHtlc): Promise<HeldHtlc> {
    if (await this.#held.write(documentOf(held), 0)) return held;
    return (await this.read(toHex(held.holdId))) ?? held;
  }

  /** Steps what is kept, not what we remember of it. Undefined if there is no such HTLC. */
  async step(id: string, event: HoldEvent, contextOf: (held: HeldHtlc) => HoldContext): Promise<HoldStep | undefined> {
    let unchanged: HoldStep | undefined;
    const changed = await updateDocument(this.#held, id, (stored) => {
      unchanged = undefined;
      if (!stored) return undefined;
      const step = stepHold(stored.body, event, contextOf(stored.body));
      if (!isNews(stored.body, step.held)) {
        unchanged = step;
        return undefined;
      }
      return { document: documentOf(step.held), step };
    });
    return changed?.step ?? unchanged;
  }

  async rememberEarly(id: string): Promise<void> {
    const releasedAt = this.#now();
    const document = { id, scope: '', dueAt: releasedAt + EARLY_RELEASE_MS, isOpen: true, body: { releasedAt } };
    await this.#early.write(document, 0);
  }

  async wasReleasedEarly(id: string): Promise<boolean> {
    const stored = await this.#early.read(id);
    return stored !== undefined && this.#now() < stored.body.releasedAt + EARLY_RELEASE_MS;
  }

  async forgetEarly(): Promise<void> {
    for (let forgotten = 0; forgotten < MOST_FORGOTTEN; forgotten += FORGET_AT_ONCE) {
      const due = await this.#early.claimDue(FORGET_AT_ONCE, EARLY_RELEASE_MS);
      for (const { id } of due) await this.#early.remove(id);
      if (due.length < FORGET_AT_ONCE) return;
    }
  }
}

/** Whether something changed that has to be kept. Who is awake shows anew each time. */
export function isNews(before: HeldHtlc, after: HeldHtlc): boolean {
  return (
    before.phase !== after.phase ||
    before.awaitsRelease !== after.awaitsRelease ||
    before.isGone !== after.isGone ||
    before.end !== after.end
  );
}

/** Of two versions of a row the one to keep: what is decided or released stays so. */
export function isFurther(read: HeldHtlc, cached: HeldHtlc): boolean {
  if (cached.phase !== 'held') return read.isGone;
  return read.phase !== 'held' || (cached.awaitsRelease && !read.awaitsRelease);
}

const documentOf = (held: HeldHtlc) => ({
  id: toHex(held.holdId),
  scope: toHex(held.htlc.key.nodeId),
  isOpen: !held.isGone,
  body: held,
});
