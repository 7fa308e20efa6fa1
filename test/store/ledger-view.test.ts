import { describe, expect, it } from 'vitest';
import type { LedgerRows } from '../../src/store/ledger-rows.js';
import { decidedNodes, freedNodes, WorkingView } from '../../src/store/ledger-view.js';
import { lease, newHash, NODE, openSet, OTHER_NODE, part, settledPart, terms } from './rows.js';

const hash = newHash();
const rows: LedgerRows = {
  now: 5,
  leases: [lease(), lease({ nodeId: OTHER_NODE })],
  terms: [terms(hash)],
  sets: [openSet(hash, { id: 'b', openedAt: 2 }), openSet(hash, { id: 'a', openedAt: 1 })],
  parts: [part(hash, { firstSeenAt: 2 }), part(hash, { firstSeenAt: 1 })],
};
const NOTHING = { insert: [], update: [] };

describe('the difference a ledger body leaves', () => {
  it('is empty when nothing changed, also through copies of the account', () => {
    const view = new WorkingView([hash], rows);
    const account = view.account(hash);
    view.putAccount({ ...account, sets: [...account.sets], parts: [...account.parts] });
    expect(view.changes()).toEqual({
      now: 5,
      leases: NOTHING,
      terms: NOTHING,
      sets: NOTHING,
      parts: NOTHING,
      events: [],
    });
  });

  it('holds exactly the rows that are other objects', () => {
    const view = new WorkingView([hash], rows);
    const account = view.account(hash);
    expect(account.sets.map((set) => set.id)).toEqual(['a', 'b']);
    expect(account.parts.map((row) => row.firstSeenAt)).toEqual([1, 2]);
    const changed = settledPart(hash, { ...account.parts[1]!, decision: { type: 'settle' } });
    const added = part(hash);
    const replacedSet = { ...account.sets[0]! };
    const newTerms = { ...account.terms! };
    const newLease = lease({ epoch: 2 });
    view.putAccount({
      ...account,
      terms: newTerms,
      sets: [replacedSet, account.sets[1]!],
      parts: [account.parts[0]!, changed, added],
    });
    view.putLease(newLease);
    const changes = view.changes();
    expect(changes.parts).toEqual({ insert: [added], update: [changed] });
    expect(changes.sets).toEqual({ insert: [], update: [replacedSet] });
    expect(changes.terms).toEqual({ insert: [], update: [newTerms] });
    expect(changes.leases).toEqual({ insert: [], update: [newLease] });
    expect(decidedNodes(changes)).toEqual([NODE]);
    expect(freedNodes({ ...changes, now: newLease.expiresAt - 1 })).toEqual([]);
    expect(freedNodes({ ...changes, now: newLease.expiresAt })).toEqual([NODE]);
  });

  it('may not lose a row', () => {
    const view = new WorkingView([hash], rows);
    view.putAccount({ ...view.account(hash), parts: [] });
    expect(() => view.changes()).toThrow('disappeared');
  });
});
