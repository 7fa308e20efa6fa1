/** One step of a probe while it is being made. Lives for one call of `probeStep`. */
import type { Msat } from '../../wire/units.js';
import { feeShare, EXEMPT_FEE_MSAT } from '../classic/fee-share.js';
import { isPrivate, type Lesson, type SharedLesson } from '../payment/lessons.js';
import type { PaymentPart, StopReason } from '../payment/payment.js';
import type { Plan } from '../plan/request.js';
import type { ProbeAnswer, ProbeStep } from '../run/types.js';
import type { ProbeCommand, ProbeContext, ProbeTransition } from './messages.js';
import type { Attempt, Fate, ProbePart, ProbeState } from './state.js';

export class ProbeDraft {
  state: ProbeState;
  readonly context: ProbeContext;
  readonly #commands: ProbeCommand[] = [];

  constructor(state: ProbeState, context: ProbeContext) {
    this.state = state;
    this.context = context;
  }

  set(change: Partial<ProbeState>): void {
    this.state = { ...this.state, ...change };
  }

  setAttempt(change: Partial<Attempt>): void {
    const { attempt } = this.state;
    if (attempt) this.set({ attempt: { ...attempt, ...change } });
  }

  setFate(id: number, fate: Fate): void {
    this.set({ parts: this.state.parts.map((each) => (each.part.id === id ? { ...each, fate } : each)) });
  }

  release({ part: { id, hops } }: ProbePart): void {
    this.learn([{ kind: 'released', hops }]);
    this.set({ parts: this.state.parts.map((each) => (each.part.id === id ? { ...each, isReserved: false } : each)) });
  }

  /** Parts that arrived and were kept for the sake of those that were out with them. */
  releaseArrived(): void {
    for (const each of this.state.parts) if (each.fate === 'arrived' && each.isReserved) this.release(each);
  }

  command(command: ProbeCommand): void {
    this.#commands.push(command);
  }

  learn(lessons: readonly Lesson[]): void {
    const own = lessons.filter(isPrivate);
    const { payment } = this.state;
    if (own.length > 0) this.set({ payment: { ...payment, memory: [...payment.memory, ...own] } });
    const shared = lessons.filter((lesson): lesson is SharedLesson => !isPrivate(lesson));
    if (shared.length > 0) this.command({ type: 'learn', lessons: shared });
  }

  /** Another amount: nothing of the last one counts any more. */
  begin(amountMsat: Msat): void {
    const { terms } = this.state.payment;
    const share = feeShare(terms.budgetMsat, amountMsat, terms.amountMsat);
    const exempt = terms.budgetMsat < EXEMPT_FEE_MSAT ? terms.budgetMsat : EXEMPT_FEE_MSAT;
    const budgetMsat = share < exempt ? exempt : share;
    const parts = this.state.parts.map((each) => (each.fate === 'arrived' ? { ...each, fate: 'over' as const } : each));
    const paymentSecret = this.context.randomBytes(32);
    this.set({ parts, attempt: { amountMsat, budgetMsat, paymentSecret, waves: 0, planAt: this.context.now } });
  }

  /** All at once, each with a hash of its own that nobody has a preimage for. */
  sendWave(planned: Plan['parts']): void {
    const attempt = this.state.attempt!;
    const { now, height } = this.context;
    const { amountMsat: totalMsat, paymentSecret } = attempt;
    const wave = attempt.waves;
    const records = { paymentData: { paymentSecret, totalMsat } };
    const first = this.state.parts.length;
    const parts = planned.map((part, i): ProbePart => {
      const { source, amountMsat, feeMsat, hops, successProbability } = part;
      const whole: PaymentPart = {
        ...{ source, amountMsat, feeMsat, hops, successProbability, records, height },
        ...{ id: first + i, state: 'sent', sendAt: now, sentAt: now },
      };
      return { part: whole, paymentHash: this.context.randomBytes(32), fate: 'out', isReserved: true, wave };
    });
    this.set({ parts: [...this.state.parts, ...parts] });
    for (const { part, paymentHash } of parts) {
      this.learn([{ kind: 'reserved', hops: part.hops }]);
      this.command({ type: 'send', part: { paymentHash, totalMsat, part } });
    }
  }

  report(step: ProbeStep): void {
    this.set({ steps: [...this.state.steps, step] });
    this.command({ type: 'step', step });
  }

  /** @param reason why it ends before the bounds are close; else what the least amount that failed said */
  finish(reason?: StopReason): void {
    if (this.state.phase === 'done') return;
    this.releaseArrived();
    const parts = this.state.parts.map((each) => (each.fate === 'out' ? { ...each, fate: 'stuck' as const } : each));
    this.set({ phase: 'done', attempt: undefined, isPlanning: false, parts });
    const { arrived, failedMsat, steps } = this.state;
    const why = reason ?? (failedMsat === undefined ? undefined : this.state.reason);
    const answer: ProbeAnswer = {
      arrivedMsat: arrived?.amountMsat ?? 0n,
      ...(failedMsat === undefined ? {} : { failedMsat }),
      ...(arrived ? { feeMsat: arrived.feeMsat } : {}),
      steps,
      ...(why ? { reason: why } : {}),
    };
    this.command({ type: 'done', answer });
  }

  transition(): ProbeTransition {
    return { state: this.state, commands: this.#commands };
  }
}
