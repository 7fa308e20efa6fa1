/** Drives a probe: nothing of it is recorded but what it teaches, and its parts carry hashes that nobody can settle. */
import type { Millis } from '../../wire/units.js';
import { randomBytes } from '../../crypto/index.js';
import type { UpdateVerifier } from '../payment/failure/policy-update.js';
import type { SharedLesson } from '../payment/lessons.js';
import type { OutgoingPart } from './ports.js';
import {
  isOver,
  newProbe,
  planProbe,
  probeStep,
  type ProbeCommand,
  type ProbeEvent,
  type ProbeState,
} from '../probe/index.js';
import type { ProbePlanView } from '../probe/index.js';
import { type Beginner, planFor, refuseOrder } from './begin.js';
import { refusalFor } from './guarded-modifiers.js';
import type { HiddenPart } from '../payment/hidden.js';
import { hiddenParts } from './hidden.js';
import { type PlanFor, reasonOf } from './planning.js';
import { backOff } from './scope.js';
import type { ProbeAnswer, ProbeOrder, ProbeStep } from './types.js';

export interface ProbeListening {
  readonly onStep?: (step: ProbeStep) => void;
  readonly signal?: AbortSignal;
  readonly verifyUpdate?: UpdateVerifier;
}

/** Lessons that the database does not take in so many attempts are known to this process alone. */
const ATTEMPTS_TO_TELL = 5;

export async function runProbe(beginner: Beginner, order: ProbeOrder, listening: ProbeListening): Promise<ProbeAnswer> {
  const request = { kind: 'invoice' as const, ...(order.from ? { from: order.from } : {}) };
  const refused = refuseOrder(beginner, { request });
  if (refused) return { arrivedMsat: 0n, steps: [], reason: refused.reason };
  const what = planFor(beginner, { request, terms: order.terms });
  const made = await beginner.planning.within(order.terms, what, (around, nobody) =>
    nobody ? { kind: 'refused' as const, reason: reasonOf(nobody) } : newProbe(order, around, what.modifiers),
  );
  if (made.kind === 'refused') return { arrivedMsat: 0n, steps: [], reason: made.reason };
  return new ProbeRunner(beginner, what, made.state, listening).run();
}

class ProbeRunner {
  readonly #beginner: Beginner;
  readonly #what: PlanFor;
  readonly #listening: ProbeListening;
  #state: ProbeState;
  readonly #calls = new Map<number, Millis>();
  #promised: readonly HiddenPart[] = [];
  #cancelWait: () => void = () => undefined;
  #answer: (answer: ProbeAnswer) => void = () => undefined;

  constructor(beginner: Beginner, what: PlanFor, state: ProbeState, listening: ProbeListening) {
    this.#beginner = beginner;
    this.#state = state;
    this.#listening = listening;
    const { life } = beginner;
    // Its own parts are left to the modifier that looks after own balances.
    const hidden = (readAt: Millis) => life.hidden(readAt).filter((part) => !this.#isOwn(part));
    this.#what = { ...what, hidden };
  }

  async run(): Promise<ProbeAnswer> {
    const { life } = this.#beginner;
    const { signal } = this.#listening;
    const stop = (): void => {
      this.#tell({ type: 'stop' });
    };
    life.promises.add(this.#hidden);
    signal?.addEventListener('abort', stop);
    const answer = new Promise<ProbeAnswer>((resolve) => {
      this.#answer = resolve;
    });
    // The process stops or is given up: nobody waits for the rest.
    const undo = life.scope.onClose(stop);
    this.#tell({ type: 'start' });
    if (signal?.aborted === true) stop();
    try {
      return await answer;
    } finally {
      undo();
      this.#cancelWait();
      signal?.removeEventListener('abort', stop);
      this.#forget();
    }
  }

  /** What is still out goes on counting until its nodes have answered. */
  #forget(): void {
    if (this.#state.phase === 'done' && isOver(this.#state)) this.#beginner.life.promises.delete(this.#hidden);
  }

  readonly #hidden = (readAt: Millis): readonly HiddenPart[] => {
    const parts = this.#state.parts.filter(({ fate }) => fate === 'out' || fate === 'stuck').map(({ part }) => part);
    return [...this.#promised, ...hiddenParts({ parts }, this.#calls, readAt)];
  };

  #isOwn(part: HiddenPart): boolean {
    return this.#promised.includes(part) || this.#state.parts.some((each) => each.part === part);
  }

  #tell(event: ProbeEvent): void {
    const { life, onTrouble } = this.#beginner;
    const { verifyUpdate } = this.#listening;
    const context = { now: life.scope.now(), height: life.height, randomBytes };
    try {
      if (event.type === 'planned') this.#promised = [];
      const { state, commands } = probeStep(this.#state, event, {
        ...context,
        ...(verifyUpdate ? { verifyUpdate } : {}),
      });
      this.#state = state;
      for (const command of commands) this.#carryOut(command);
    } catch (error) {
      onTrouble('a probe failed, which is a bug: please report it', error);
      const message = 'the probe failed: look into the log and report it';
      this.#answer({ arrivedMsat: 0n, steps: this.#state.steps, reason: { code: 'bad_request', message } });
    }
    this.#forget();
  }

  #carryOut(command: ProbeCommand): void {
    const { life, onTrouble } = this.#beginner;
    switch (command.type) {
      case 'learn': {
        life.shared.learn(command.lessons);
        void this.#share(command.lessons.filter(({ kind }) => kind !== 'reserved' && kind !== 'released'));
        return;
      }
      case 'send': {
        void this.#send(command.part);
        return;
      }
      case 'plan': {
        void this.#plan(command.ticket, command.view);
        return;
      }
      case 'wait': {
        this.#cancelWait();
        const delay = Math.max(1, command.until - life.scope.now());
        this.#cancelWait = life.scope.after(delay, () => {
          this.#tell({ type: 'tick' });
        });
        return;
      }
      case 'step': {
        try {
          this.#listening.onStep?.(command.step);
        } catch (error) {
          onTrouble('a step of a probe was not taken', error);
        }
        return;
      }
      case 'alarm': {
        onTrouble(command.message, undefined);
        return;
      }
      case 'done': {
        this.#answer(command.answer);
        return;
      }
    }
  }

  async #send(outgoing: OutgoingPart): Promise<void> {
    const { life } = this.#beginner;
    const { id } = outgoing.part;
    this.#calls.set(id, life.scope.now());
    let event: ProbeEvent = { type: 'lost', part: id };
    try {
      const port = await life.portOf(outgoing.part);
      const outcome = await port?.send(outgoing, () => undefined);
      if (outcome) event = { type: 'outcome', part: id, outcome };
    } catch (error) {
      this.#beginner.onTrouble('a part of a probe is lost from sight', error);
    }
    life.partEnded();
    this.#tell(event);
  }

  async #plan(ticket: number, view: ProbePlanView): Promise<void> {
    const { planning, onTrouble } = this.#beginner;
    const { terms } = this.#state.payment;
    try {
      await planning.within(terms, this.#what, (around, nobody) => {
        const answer = nobody ?? planProbe(view, around, planning.plannerFor(terms), this.#what.modifiers);
        this.#promised = answer.kind === 'plan' ? answer.parts : [];
        this.#tell({ type: 'planned', ticket, answer });
      });
    } catch (error) {
      onTrouble('a plan of a probe failed, which is a bug: please report it', error);
      this.#tell({ type: 'planned', ticket, answer: refusalFor('planning failed: look into the log and report it') });
    }
  }

  async #share(lessons: readonly SharedLesson[]): Promise<void> {
    const { life, onTrouble } = this.#beginner;
    if (lessons.length === 0) return;
    for (let failures = 1; failures <= ATTEMPTS_TO_TELL && !life.scope.isClosed; failures++) {
      try {
        await life.store.appendLessons(life.owner, lessons);
        return;
      } catch (error) {
        onTrouble('what a probe has taught could not be shared', error);
        await life.scope.pause(backOff(failures));
      }
    }
    life.shared.keepFromLog(lessons);
  }
}
