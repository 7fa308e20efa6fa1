import { describe, expect, it } from 'vitest';
import type { InvoiceRecord, InvoiceState } from '../../src/store/index.js';
import { ENGINES, freshDatabase } from './engines.js';
import { newHash, openSet, settlingSet, terms } from './rows.js';

const FAR = 4_000_000_000_000;

function invoice(paymentHash: string, fields: Partial<InvoiceRecord> = {}): InvoiceRecord {
  return {
    ...terms(paymentHash, { mode: 'auto' }),
    bolt11: 'lnbc1...',
    amountMsat: undefined,
    description: undefined,
    descriptionHash: undefined,
    reference: undefined,
    metadata: undefined,
    createdAt: 1_000,
    expiresAt: FAR,
    epochId: undefined,
    ...fields,
  };
}

describe.each(ENGINES)('invoices on $name', (engine) => {
  const test = freshDatabase(engine);

  it('come back as they were stored, and are stored once', async () => {
    const full = invoice(newHash(), {
      amountMsat: 2_100_000_000_000_000_000n,
      description: 'coffee \u2615 "x"',
      descriptionHash: 'ab'.repeat(32),
      reference: 'order 7',
      metadata: { nested: [1, null, 'x'] },
      epochId: 'k1',
      mode: 'hold',
      preimage: 'cd'.repeat(32),
    });
    const plain = invoice(newHash(), { expiresAt: undefined, bolt11: undefined });
    for (const record of [full, plain]) {
      expect(await test.store.invoices.insert(record)).toEqual({ created: true, invoice: record });
      expect(await test.store.invoices.get(record.paymentHash)).toEqual({ invoice: record, state: 'open' });
    }
    const again = await test.store.invoices.insert({ ...full, reference: 'order 8' });
    expect(again).toEqual({ created: false, invoice: full });
    expect(await test.store.invoices.get(newHash())).toBeUndefined();
    // One row serves the ledger as well.
    const { paymentHash, mode, wish, preimage, holdMs } = full;
    expect(await test.store.terms(paymentHash)).toEqual({ paymentHash, mode, wish, preimage, holdMs });
  });

  it('keep what the merchant stored when the ledger writes its terms', async () => {
    const record = invoice(newHash(), { reference: 'order 9' });
    await test.store.invoices.insert(record);
    await test.store.transact([record.paymentHash], (view) => {
      const account = view.account(record.paymentHash);
      view.putAccount({ ...account, terms: { ...account.terms!, wish: 'cancel' } });
    });
    const expected = { invoice: { ...record, wish: 'cancel' }, state: 'canceled' };
    expect(await test.store.invoices.get(record.paymentHash)).toEqual(expected);
  });

  it('have a state that follows the ledger, and are listed by it', async () => {
    const hashes: Record<InvoiceState, string> = {
      open: newHash(),
      accepted: newHash(),
      paid: newHash(),
      canceled: newHash(),
      expired: newHash(),
    };
    for (const [state, hash] of Object.entries(hashes)) {
      await test.store.invoices.insert(invoice(hash, { expiresAt: state === 'open' ? FAR : 5 }));
    }
    await test.store.transact(Object.values(hashes), (view) => {
      const edit = (hash: string, change: object): void => view.putAccount({ ...view.account(hash), ...change });
      edit(hashes.accepted, { sets: [openSet(hashes.accepted, { acceptedAt: 3 })] });
      // Paid wins over a wish that came too late.
      edit(hashes.paid, { sets: [settlingSet(hashes.paid)], terms: terms(hashes.paid, { wish: 'cancel' }) });
      edit(hashes.canceled, { terms: terms(hashes.canceled, { wish: 'cancel' }) });
      edit(hashes.expired, { sets: [openSet(hashes.expired)] });
    });
    for (const [state, hash] of Object.entries(hashes)) {
      const listed = await test.store.invoices.list({ limit: 10, state: state as InvoiceState });
      expect(listed.map((entry) => [entry.invoice.paymentHash, entry.state])).toEqual([[hash, state]]);
    }
    expect(await test.store.invoices.list({ limit: 10 })).toHaveLength(5);
  });

  it('are not paid by the payer of a static invoice who chose their hash', async () => {
    const [foreign, own] = [newHash(), newHash()];
    const offer = { offerId: '0f'.repeat(32), isStatic: true, payerId: `02${'11'.repeat(32)}` };
    for (const hash of [foreign, own]) await test.store.invoices.insert(invoice(hash));
    await test.store.transact([foreign, own], (view) => {
      const note = { ...offer, isStatic: false, payerNote: '"isStatic":true' };
      view.putAccount({ ...view.account(foreign), sets: [settlingSet(foreign, { offer })] });
      view.putAccount({ ...view.account(own), sets: [settlingSet(own, { offer: note })] });
    });
    expect((await test.store.invoices.get(foreign))?.state).toBe('open');
    expect((await test.store.invoices.get(own))?.state).toBe('paid');
  });

  it('are paged newest first without loss at equal times, and found by reference', async () => {
    const records = Array.from({ length: 7 }, (_, i) =>
      invoice(newHash(), { createdAt: 1_000 + Math.floor(i / 3), reference: i === 4 ? 'wanted' : `r${i}` }),
    );
    for (const record of records) await test.store.invoices.insert(record);
    const seen: InvoiceRecord[] = [];
    for (;;) {
      const last = seen.at(-1);
      const before = last === undefined ? {} : { before: { createdAt: last.createdAt, paymentHash: last.paymentHash } };
      const page = await test.store.invoices.list({ limit: 2, ...before });
      if (page.length === 0) break;
      seen.push(...page.map((entry) => entry.invoice));
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen.map((record) => record.paymentHash)).size).toBe(7);
    expect(seen.map((record) => record.createdAt)).toEqual([1002, 1001, 1001, 1001, 1000, 1000, 1000]);
    const found = await test.store.invoices.list({ limit: 10, reference: 'wanted' });
    expect(found.map((entry) => entry.invoice)).toEqual([records[4]]);
  });

  it('list what was paid, with and without a stored invoice', async () => {
    const stored = invoice(newHash());
    const [stateless, failed] = [newHash(), newHash()];
    await test.store.invoices.insert(stored);
    const sets = [
      settlingSet(stored.paymentHash, { decidedAt: 10 }),
      settlingSet(stateless, { decidedAt: 10, state: 'settled' }),
    ];
    await test.store.transact([stored.paymentHash, stateless, failed], (view) => {
      for (const set of [...sets, openSet(failed)]) {
        view.putAccount({ ...view.account(set.paymentHash), sets: [set] });
      }
    });
    const all = await test.store.invoices.listPayments({ limit: 10 });
    const expected = [
      { set: sets[0]!, invoice: stored },
      { set: sets[1]!, invoice: undefined },
    ].sort((a, b) => (a.set.id < b.set.id ? 1 : -1));
    expect(all).toEqual(expected);
    const before = { decidedAt: 10, setId: all[0]!.set.id };
    expect(await test.store.invoices.listPayments({ limit: 10, before })).toEqual([all[1]]);
    expect(await test.store.invoices.listPayments({ limit: 1 })).toEqual([all[0]]);
  });
});
