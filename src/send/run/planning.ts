/** Plans with fresh balances of all own nodes, less what other payments of this process have promised. */
import { equalBytes } from '../../wire/bytes.js';
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { Chance } from '../classic/presplit.js';
import type { Knowledge } from '../knowledge/knowledge.js';
import type { PaymentState, PaymentTerms, StopReason } from '../payment/payment.js';
import { planMissing, preparePayment } from '../payment/plan-stage.js';
import { isHeldAtPeer } from '../payment/held.js';
import type { Modifier, Surroundings } from '../payment/stages.js';
import type { Plan, Planner, Refusal } from '../plan/request.js';
import type { AskedNode, Balances } from './balances.js';
import { refusalFor } from './guarded-modifiers.js';
import { type HiddenPart, withoutHidden } from '../payment/hidden.js';
import { INTERNAL_MODIFIERS, internalPlanner } from './internal-payee.js';
import type { SendPort } from './ports.js';
import type { Scope } from './scope.js';
import { Turns } from './turns.js';
import type { InternalNode } from './types.js';

export interface PlanningOptions {
  readonly balances: Balances;
  readonly planner: Planner;
  readonly scope: Scope;
  readonly chance: Chance;
  readonly internal?: InternalNode;
  /** The graph is there, as far as it is worth waiting for. */
  readonly ready: () => Promise<void>;
  readonly onTrouble: (what: string, error: unknown) => void;
}

/** What a plan is for, as far as it is the same for all plans of a payment. */
export interface PlanFor {
  readonly from?: readonly string[] | undefined;
  readonly modifiers: readonly Modifier[];
  readonly knowledge: Knowledge;
  /** Of the other payments of this process. Asked at the moment of planning. */
  readonly hidden: (readAt: Millis) => readonly HiddenPart[];
}

export type FirstPlan =
  | { readonly kind: 'plan'; readonly state: PaymentState; readonly plan: Plan }
  | { readonly kind: 'refused'; readonly reason: StopReason };

export class Planning {
  readonly #options: PlanningOptions;
  readonly #turns: Turns;
  readonly #internal: Planner | undefined;

  constructor(options: PlanningOptions) {
    this.#options = options;
    this.#turns = new Turns(options.scope);
    this.#internal = options.internal && internalPlanner(options.internal);
  }

  isInternal({ payee }: Pick<PaymentTerms, 'payee'>): boolean {
    return this.#options.internal?.isOwnPayee(payee.nodeId) === true;
  }

  /** Modifiers for such a payment: the network's do not take part in what stays inside. */
  modifiersFor(terms: Pick<PaymentTerms, 'payee'>, wanted: readonly Modifier[]): readonly Modifier[] {
    return this.isInternal(terms) ? INTERNAL_MODIFIERS : wanted;
  }

  /** The payment as it would begin, or why it cannot work. Whoever takes the plan up has to count it as promised at once. */
  first<T>(terms: PaymentTerms, what: PlanFor, take: (first: FirstPlan) => T): Promise<T> {
    return this.within(terms, what, (around, nobody) => take(this.#first(terms, what, around, nobody)));
  }

  /** Never rejects: what is broken makes a refusal. */
  async missing(state: () => PaymentState, what: PlanFor, take: (answer: Plan | Refusal) => void): Promise<void> {
    try {
      await this.within(state().terms, what, (around, nobody) => {
        take(nobody ?? this.#planMissing(state(), what, around));
      });
    } catch (error) {
      this.#options.onTrouble('a plan failed, which is a bug: please report it', error);
      take(refusalFor('planning failed: look into the log and report it'));
    }
  }

  /**
   * Calls the task when it is its turn, with the world as it is then. Rejects as the task throws. An own node that is the
   * payee does not send; where no other could, `nobody` says so.
   */
  async within<T>(
    terms: PaymentTerms,
    what: PlanFor,
    task: (around: Surroundings, nobody: Refusal | undefined) => T,
  ): Promise<T> {
    const { balances, scope, chance } = this.#options;
    const isInternal = this.isInternal(terms);
    const { from } = what;
    if (!isInternal) await this.#options.ready();
    const wanted = (node: AskedNode): boolean =>
      isInternal ? node.isInternal === true : !node.isInternal && (from === undefined || from.includes(node.name));
    const answers = await balances.read(wanted);
    return this.#turns.take(() => {
      const balancesReadAt = Math.min(scope.now(), ...answers.map(({ askedAt }) => askedAt));
      const senders = answers.filter(({ node }) => !node.isInternal);
      const others = senders.filter(({ balances: { nodeId } }) => !equalBytes(nodeId, terms.payee.nodeId));
      const able = others.filter(({ node: { send } }) => canSendRecords(send, terms));
      const nobody =
        senders.length === 0 || able.length > 0 ? undefined : others.length > 0 ? noRecords() : payeeAlone();
      const sources = able.map(({ node: { biasPpm, send }, balances: { nodeId, channels } }) => ({
        nodeId,
        channels,
        ...(biasPpm === undefined ? {} : { biasPpm }),
        ...(send.maxBlindedParts === undefined ? {} : { maxBlindedParts: send.maxBlindedParts }),
      }));
      const around = {
        sources: withoutHidden(sources, what.hidden(balancesReadAt)),
        balancesReadAt,
        knowledge: what.knowledge,
        height: balances.height,
        now: scope.now(),
        chance,
      };
      return task(around, nobody);
    });
  }

  /** A planner that never throws. */
  plannerFor(terms: Pick<PaymentTerms, 'payee'>): Planner {
    const planner = this.isInternal(terms) ? this.#internal! : this.#options.planner;
    return {
      plan: (request) => {
        try {
          return planner.plan(request);
        } catch (error) {
          this.#options.onTrouble('the planner failed, which is a bug: please report it', error);
          return refusalFor('the planner failed: look into the log and report it');
        }
      },
    };
  }

  #first(terms: PaymentTerms, what: PlanFor, around: Surroundings, nobody: Refusal | undefined): FirstPlan {
    const late = hopeless(terms, around.now, around.height);
    if (late) return { kind: 'refused', reason: late };
    if (nobody) return { kind: 'refused', reason: isHeldAtPeer(terms) ? noHolder(nobody) : reasonOf(nobody) };
    try {
      const prepared = preparePayment(terms, around, what.modifiers);
      if (prepared.kind === 'refused') return prepared;
      const { state } = prepared;
      const plan = this.#planMissing(state, what, around);
      if (plan.kind === 'plan') return { kind: 'plan', state, plan };
      return { kind: 'refused', reason: reasonOf(plan) };
    } catch (error) {
      this.#options.onTrouble('a payment could not be prepared, which is a bug: please report it', error);
      const message = 'the payment could not be prepared: look into the log and report it';
      return { kind: 'refused', reason: { code: 'bad_request', message } };
    }
  }

  #planMissing(state: PaymentState, { modifiers }: PlanFor, around: Surroundings): Plan | Refusal {
    try {
      return planMissing(state, around, this.plannerFor(state.terms), modifiers);
    } catch (error) {
      this.#options.onTrouble('a plan failed, which is a bug: please report it', error);
      return refusalFor('planning failed: look into the log and report it');
    }
  }
}

const noHolder = ({ message }: Refusal): StopReason => ({ code: 'no_holder', message });

export const reasonOf = (refusal: Refusal): StopReason => ({ code: 'no_plan', message: refusal.message, refusal });

function payeeAlone(): Refusal {
  const message =
    'of the own nodes that may send only the payee itself answers: let another one send, or check the connections to the others';
  return { kind: 'refusal', code: 'payee_is_source', message };
}

function canSendRecords(send: SendPort, terms: PaymentTerms): boolean {
  if (isHeldAtPeer(terms)) return send.canHoldAtPeer === true;
  return terms.firstHopRecords === undefined || send.canSendFirstHopRecords === true || send.canHoldAtPeer === true;
}

function noRecords(): Refusal {
  const message =
    'none of the own nodes that may send can ask its peer to hold a payment: let the payee wake first, or pay from another node';
  return { kind: 'refusal', code: 'invalid_request', message };
}

/** What needs no plan to be known. */
function hopeless({ deadline }: PaymentTerms, now: Millis, height: BlockHeight): StopReason | undefined {
  if (now >= deadline) return { code: 'deadline', message: 'the time for the payment is over: allow more time' };
  if (height > 0) return undefined;
  const message = 'no own node has told its block height yet: check the connections to the nodes';
  return { code: 'own_balance', message };
}
