/** A wallet that does not give up: a part that failed is sent again, as long as nothing was paid for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PaymentRecord } from '../../src/node/sim/payment.js';
import type { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import type { PlainJson, RemotePayRequest } from '../../src/node/sim/remote-wire.js';

export interface WalletOptions {
  readonly admin: RemoteSimAdmin;
  /** Name of the node that pays. */
  readonly payer: string;
  /** The same for all parts. */
  readonly totalMsat: bigint;
  /** How long failed parts are sent again, ms. */
  readonly retryMs: number;
  /** How long the end of the parts is waited for, ms. */
  readonly patienceMs: number;
  /** The payee does not want the money any more. */
  readonly isUnwanted: () => boolean;
  /** Told of every part that failed, whether it is sent again or not. */
  readonly onFailed?: (part: PartRecord) => void;
}

type PartRecord = PlainJson<PaymentRecord>['parts'][number];

interface Slot {
  readonly amountMsat: bigint;
  payment: number;
  part: number;
  record: PartRecord | undefined;
  pauseMs: number;
  notBefore: number;
}

const LOOK_MS = 60;
const FIRST_PAUSE_MS = 150;
const LONGEST_PAUSE_MS = 1_500;

/** Resolves with one record of all parts, each as it ended at last; without `endedAt` if patience was over before. */
export async function payPersistently(
  request: RemotePayRequest,
  { admin, payer, totalMsat, retryMs, patienceMs, isUnwanted, onFailed }: WalletOptions,
): Promise<PlainJson<PaymentRecord>> {
  const startedAt = Date.now();
  const first = await admin.pay(payer, request);
  const amounts = request.parts?.map(({ amountMsat }) => amountMsat) ?? [totalMsat];
  const slots: Slot[] = amounts.map((amountMsat, part) => ({
    amountMsat,
    payment: first,
    part,
    record: undefined,
    pauseMs: FIRST_PAUSE_MS,
    notBefore: 0,
  }));
  const mayRetry = (): boolean =>
    Date.now() < startedAt + retryMs && !isUnwanted() && !slots.some(({ record }) => record?.outcome === 'settled');
  let told = await admin.payment(payer, first);
  for (;;) {
    const records = new Map<number, PlainJson<PaymentRecord>>();
    for (const slot of slots.filter(({ record }) => !isOver(record))) {
      const latest = records.get(slot.payment) ?? (await admin.payment(payer, slot.payment));
      records.set(slot.payment, latest);
      told = { ...latest, preimage: latest.preimage ?? told.preimage };
      slot.record = latest.parts[slot.part]!;
      if (!isOver(slot.record)) continue;
      slot.notBefore = Date.now() + slot.pauseMs;
      if (slot.record.outcome !== 'settled') onFailed?.(slot.record);
    }
    const areAllOver = slots.every(({ record }) => isOver(record));
    const failed = slots.filter(({ record }) => isOver(record) && record?.outcome !== 'settled');
    if (areAllOver && (failed.length === 0 || !mayRetry())) return merged(told, slots, Date.now());
    if (Date.now() > startedAt + patienceMs) return merged(told, slots, undefined);
    for (const slot of failed) {
      if (!mayRetry() || Date.now() < slot.notBefore) continue;
      const part = { amountMsat: slot.amountMsat };
      slot.payment = await admin.pay(payer, { invoice: request.invoice, amountMsat: totalMsat, parts: [part] });
      slot.part = 0;
      slot.record = undefined;
      slot.pauseMs = Math.min(2 * slot.pauseMs, LONGEST_PAUSE_MS);
    }
    await sleep(LOOK_MS);
  }
}

function isOver(record: PartRecord | undefined): boolean {
  return record !== undefined && record.outcome !== 'pending';
}

function merged(
  told: PlainJson<PaymentRecord>,
  slots: readonly Slot[],
  endedAt: number | undefined,
): PlainJson<PaymentRecord> {
  const isPaid = slots.some(({ record }) => record?.outcome === 'settled');
  return {
    ...told,
    endedAt,
    parts: slots.map(({ record, amountMsat }, index) => ({
      index,
      amountMsat: amountMsat.toString(),
      attempts: record?.attempts ?? [],
      outcome: record?.outcome ?? 'pending',
    })),
    outcome: isPaid ? 'settled' : endedAt === undefined ? 'pending' : 'failed',
  };
}
