/** How a payment begins: planned first, so that what cannot work leaves nothing behind; recorded; then driven. */
import { randomBytes } from '../../crypto/index.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import { step } from '../payment/step.js';
import type { PaymentState } from '../payment/payment.js';
import type { Modifier } from '../payment/stages.js';
import type { Plan } from '../plan/request.js';
import { guarded } from './guarded-modifiers.js';
import { MOST_PAYMENTS, type SenderLife } from './life.js';
import type { FirstPlan, PlanFor, Planning } from './planning.js';
import { backOff, type Scope } from './scope.js';
import type { Created, StoredPayment } from './store-port.js';
import type { PayAnswer, PayOrder, SendingNode } from './types.js';

/** After so long the caller is told that the database is lost. */
const CREATE_LIMIT_MS: Millis = 10_000;

export interface Beginner {
  readonly life: SenderLife;
  readonly planning: Planning;
  readonly nodes: readonly SendingNode[];
  readonly modifiers: readonly Modifier[];
  readonly onTrouble: (what: string, error: unknown) => void;
}

type Refused = Extract<PayAnswer, { kind: 'refused' }>;

/** Why nothing can begin, as far as the order alone shows. */
export function refuseOrder(
  { life, nodes }: Beginner,
  { request: { from } }: Pick<PayOrder, 'request'>,
): Refused | undefined {
  const refuse = (message: string): Refused => ({ kind: 'refused', reason: { code: 'bad_request', message } });
  const unknown = from?.find((name) => !nodes.some((node) => node.name === name));
  if (unknown !== undefined) {
    const names = nodes.map(({ name }) => name).join(', ');
    return refuse(`no own node is called "${unknown}": choose among ${names}`);
  }
  if (life.runners.size + life.creating.size < MOST_PAYMENTS) return undefined;
  return refuse(`${MOST_PAYMENTS} payments are under way: wait until some of them have ended`);
}

export function planFor(beginner: Beginner, order: Pick<PayOrder, 'request' | 'terms' | 'modifiers'>): PlanFor {
  const { life, planning, modifiers, onTrouble } = beginner;
  const wanted = order.modifiers ? guarded(order.modifiers, onTrouble) : modifiers;
  return {
    from: order.request.from,
    modifiers: planning.modifiersFor(order.terms, wanted),
    knowledge: life.shared.knowledge,
    hidden: (readAt) => life.hidden(readAt),
  };
}

/** One after the other for the same hash: what the first has promised must not refuse the second, which is the same. */
export async function beginPayment(beginner: Beginner, order: PayOrder): Promise<PayAnswer> {
  const { beginning } = beginner.life;
  const hash = toHex(order.terms.paymentHash);
  const before = beginning.get(hash) ?? Promise.resolve();
  const answer = before.then(() => beginAlone(beginner, order));
  const over = answer.then(
    () => undefined,
    () => undefined,
  );
  beginning.set(hash, over);
  try {
    return await answer;
  } finally {
    if (beginning.get(hash) === over) beginning.delete(hash);
  }
}

async function beginAlone(beginner: Beginner, order: PayOrder): Promise<PayAnswer> {
  const { life, planning } = beginner;
  const refused = refuseOrder(beginner, order);
  if (refused) return refused;
  const what = planFor(beginner, order);
  let promise: () => Plan['parts'] = () => [];
  const take = (first: FirstPlan): FirstPlan => {
    if (first.kind === 'plan') {
      promise = () => first.plan.parts;
      life.promises.add(promise);
    }
    return first;
  };
  try {
    const [known, first] = await Promise.all([
      life.store.paymentOfHash(order.terms.paymentHash),
      planning.first(order.terms, what, take),
    ]);
    // A payment that is under way may be what uses up the balance.
    if (known && known.state.phase !== 'failed') {
      return { kind: 'exists', payment: life.runners.get(known.id)?.payment ?? known };
    }
    if (first.kind === 'refused') return first;
    return await record(beginner, order, what.modifiers, first.state, first.plan);
  } finally {
    life.promises.delete(promise);
  }
}

async function record(
  { life, onTrouble }: Beginner,
  { request, terms }: PayOrder,
  modifiers: readonly Modifier[],
  prepared: PaymentState,
  plan: Plan,
): Promise<PayAnswer> {
  const { scope, owner } = life;
  const now = scope.now();
  const { state, commands } = step(prepared, { type: 'start' }, { now, height: life.height, modifiers: [] });
  const payment = { id: toHex(randomBytes(16)), request, state, createdAt: now, owner };
  life.creating.add(payment.id);
  let isAwaited = true;
  const recorded = createUntilKnown(life, payment, onTrouble).then((created) => {
    if (created?.kind !== 'created' || life.scope.isClosed) return created;
    const runner = life.add(created.payment, modifiers);
    if (isAwaited) runner.begin(commands, plan);
    // Whoever asked has been told that it did not work.
    else runner.tell({ type: 'stop' });
    return created;
  });
  // Not a moment before it has its runner.
  const driven = recorded.finally(() => {
    life.creating.delete(payment.id);
  });
  driven.catch(() => undefined);
  const created = await scope.within(CREATE_LIMIT_MS, driven);
  isAwaited = false;
  if (!created) {
    throw new Error(
      `the payment ${toHex(terms.paymentHash)} may have been recorded or not: check the database, then look it up by its hash`,
    );
  }
  return created.kind === 'created' ? { kind: 'started', payment: created.payment } : created;
}

/** A creation of unknown fate is asked for again for as long as this process lives: it may have to be driven. */
async function createUntilKnown(
  { store, scope }: { readonly store: SenderLife['store']; readonly scope: Scope },
  payment: Pick<StoredPayment, 'id' | 'request' | 'state' | 'createdAt' | 'owner'>,
  onTrouble: Beginner['onTrouble'],
): Promise<Created | undefined> {
  for (let failures = 1; !scope.isClosed; failures++) {
    try {
      return await store.createPayment(payment, [
        { type: 'sending.started', amountMsat: payment.state.terms.amountMsat },
      ]);
    } catch (error) {
      onTrouble(`payment ${payment.id} could not be recorded and is tried again`, error);
      await scope.pause(backOff(failures));
    }
  }
  return undefined;
}
