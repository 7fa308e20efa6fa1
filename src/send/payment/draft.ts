/** One step while it is being made: the state to come and the commands collected so far. Lives for one call of `step`. */
import { counted } from './failure/context.js';
import { type Lesson, isPrivate, type SharedLesson } from './lessons.js';
import {
  DEFAULT_TIMING,
  type PaymentCommand,
  type Progress,
  type Report,
  type Step,
  type StepContext,
  type Timing,
} from './messages.js';
import type { PaymentPart, PaymentState } from './payment.js';
import type { PaymentView } from './stages.js';

export class Draft {
  state: PaymentState;
  readonly context: StepContext;
  readonly timing: Timing;
  readonly #commands: PaymentCommand[] = [];
  readonly #sent: number[] = [];

  constructor(state: PaymentState, context: StepContext) {
    this.state = state;
    this.context = context;
    this.timing = context.timing ?? DEFAULT_TIMING;
  }

  get view(): PaymentView {
    return { state: this.state, now: this.context.now, height: this.context.height };
  }

  set(change: Partial<PaymentState>): void {
    this.state = { ...this.state, ...change };
  }

  /** Forgets members that may be absent. */
  clear(...members: ('planAt' | 'blocked' | 'waiting')[]): void {
    for (const member of members) this.set({ [member]: undefined });
  }

  part(id: number): PaymentPart | undefined {
    return this.state.parts[id];
  }

  setPart(id: number, change: Partial<PaymentPart>): void {
    this.set({ parts: this.state.parts.map((part) => (part.id === id ? { ...part, ...change } : part)) });
  }

  /** A plan that is being made now knows nothing of it: it is not waited for. */
  count(keys: readonly string[]): void {
    if (keys.length === 0) return;
    this.set({ seen: counted(this.state.seen, keys, this.state.parts.length), isPlanning: false });
  }

  /** A part becomes `sent` in the state of this step; the call follows its commit. */
  send(id: number): void {
    this.setPart(id, { state: 'sent', sentAt: this.context.now });
    this.#sent.push(id);
  }

  learn(lessons: readonly Lesson[]): void {
    const own = lessons.filter(isPrivate);
    if (own.length > 0) this.set({ memory: [...this.state.memory, ...own] });
    const shared = lessons.filter((lesson): lesson is SharedLesson => !isPrivate(lesson));
    if (shared.length > 0) this.command({ type: 'learn', lessons: shared });
  }

  command(command: PaymentCommand): void {
    this.#commands.push(command);
  }

  report(report: Report): void {
    this.command({ type: 'report', report });
  }

  progress(progress: Progress): void {
    this.report({ kind: 'progress', progress });
  }

  alarm(message: string): void {
    this.report({ kind: 'alarm', message });
  }

  finish(): Step {
    const parts = this.#sent.map((id) => this.state.parts[id]!);
    const record: PaymentCommand[] = parts.length > 0 ? [{ type: 'record', parts: this.#sent }] : [];
    const sends = parts.flatMap((part): PaymentCommand[] => [
      { type: 'learn', lessons: [{ kind: 'reserved', hops: part.hops }] },
      { type: 'send', part },
      { type: 'report', report: { kind: 'progress', progress: { what: 'part_sent', part: part.id } } },
    ]);
    // Waits and plans read what the other commands leave behind.
    const isLate = ({ type }: PaymentCommand): boolean => type === 'plan' || type === 'wait';
    const late = this.#commands.filter(isLate);
    const others = this.#commands.filter((command) => !isLate(command));
    return { state: this.state, commands: [...others, ...record, ...sends, ...late] };
  }
}
