/** The real sender pays the cluster itself, and dies wherever it can. */
import { describe, expect, it } from 'vitest';
import { Sender } from '../../../src/send/run/sender.js';
import type { PayAnswer, PayOrder } from '../../../src/send/run/types.js';
import type { PaymentTerms } from '../../../src/send/index.js';
import { payeeOfInvoice } from '../../../src/send/plan/request.js';
import { toHex } from '../../../src/wire/bytes.js';
import { FakePaymentStore } from '../../faults/sending/fake-store.js';
import { gated, House, type OwnInvoice, type Running } from './house.js';

interface Daemon extends Running {
  readonly sender: Sender;
}

class PayingHouse extends House {
  readonly payments = new FakePaymentStore(this.clock.now);
  readonly reports: string[] = [];

  async daemon(name: string, settleMs = 2_000): Promise<Daemon> {
    const running = this.start(name);
    const { process, internal } = running;
    const sender = new Sender({
      nodes: [],
      internal,
      store: gated(process, this.payments),
      clock: process.clock,
      random: () => (name.length * 0.37 + this.payments.payments.size * 0.11) % 1,
      owner: name,
      onReport: (_, report) => this.reports.push(report.kind),
    });
    process.run(() => void sender.start());
    await this.clock.runFor(settleMs);
    return { ...running, sender };
  }

  terms({ paymentHash, paymentSecret, amountMsat, ...invoice }: OwnInvoice): PaymentTerms {
    const now = this.clock.now();
    return {
      paymentHash,
      amountMsat,
      budgetMsat: 0n,
      maxParts: 8,
      maxBlocks: 1_000,
      payee: payeeOfInvoice({ ...invoice, routeHints: invoice.routeHints.map((hint) => [...hint]) }),
      supportsMpp: true,
      records: { paymentData: { paymentSecret, totalMsat: amountMsat } },
      offsetBlocks: 0,
      startedAt: now,
      deadline: now + 60_000,
    };
  }

  pay({ process, sender }: Daemon, invoice: OwnInvoice): { answer: PayAnswer | undefined } {
    const asked: { answer: PayAnswer | undefined } = { answer: undefined };
    const order: PayOrder = { request: { kind: 'invoice' }, terms: this.terms(invoice) };
    process.run(() => {
      sender.pay(order).then(
        (answer) => (asked.answer = answer),
        () => undefined,
      );
    });
    return asked;
  }

  phases(): string[] {
    return [...this.payments.payments.values()].map(({ state }) => state.phase);
  }
}

describe('the sender pays the cluster itself', () => {
  it('in one part, without a fee, over no channel', async () => {
    const house = new PayingHouse();
    const daemon = await house.daemon('p1');
    const invoice = house.invoice();
    const asked = house.pay(daemon, invoice);
    await house.clock.runFor(5_000);
    expect(asked.answer?.kind).toBe('started');
    const [payment] = [...house.payments.payments.values()];
    expect(payment!.state).toMatchObject({ phase: 'succeeded', isEnded: true });
    expect(payment!.state.parts).toMatchObject([{ amountMsat: invoice.amountMsat, feeMsat: 0n, state: 'settled' }]);
    expect(house.network.observations().htlcs).toEqual([]);
    await house.clock.runFor(40_000);
    expect(house.told(invoice)).toEqual(['invoice.settled', 'invoice.final']);
    const again = house.pay(daemon, invoice);
    await house.clock.runFor(2_000);
    expect(again.answer?.kind).toBe('exists');
  });

  it('and says why where the invoice was paid from outside', async () => {
    const house = new PayingHouse();
    const daemon = await house.daemon('p1');
    const invoice = house.invoice();
    house.payer.start({ invoice });
    await house.clock.runFor(5_000);
    house.pay(daemon, invoice);
    await house.clock.runFor(10_000);
    const [payment] = [...house.payments.payments.values()];
    expect(payment!.state).toMatchObject({ phase: 'failed', isEnded: true, stop: { code: 'payee_refused' } });
    // A second try counts its parts from 0 again, and is answered anew.
    house.pay(daemon, invoice);
    await house.clock.runFor(10_000);
    expect(house.phases()).toEqual(['failed', 'failed']);
    expect(house.htlcs.rows).toHaveLength(2);
  });

  it('dies at any step: once more is paid never, and what is told is true', async () => {
    const ends = new Set<string>();
    for (let killAt = 0; killAt <= 45; killAt++) {
      const house = new PayingHouse();
      const daemon = await house.daemon('p1');
      const invoice = house.invoice();
      const { process } = daemon;
      let steps = 0;
      const run = process.run.bind(process);
      process.run = (task) => {
        if (steps++ >= killAt && process.alive) process.kill();
        run(task);
      };
      house.pay(daemon, invoice);
      await house.clock.runFor(3_000);
      process.kill();
      await house.daemon('p2');
      await house.clock.runFor(60_000);
      const settled = house.told(invoice).filter((type) => type === 'invoice.settled').length;
      const [phase = 'none', ...more] = house.phases();
      expect(more).toEqual([]);
      ends.add(phase);
      expect(settled).toBe(phase === 'succeeded' ? 1 : 0);
      expect(['none', 'succeeded', 'failed']).toContain(phase);
      expect(house.htlcs.rows.filter(({ end }) => end.state === 'settled')).toHaveLength(settled);
      expect(house.htlcs.rows.filter(({ end }) => end.state === 'held')).toEqual([]);
      expect(house.alarms).toEqual([]);
      const account = house.ledger.account(toHex(invoice.paymentHash));
      expect(account.sets.filter(({ state }) => state === 'settled' || state === 'settling')).toHaveLength(settled);
    }
    expect([...ends]).toEqual(expect.arrayContaining(['none', 'succeeded']));
  });
});
