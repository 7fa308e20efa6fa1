/** Probing: how much gets through to a payee, by bisection, without paying. */
export type { ProbeCommand, ProbeContext, ProbeEvent, ProbePlanView, ProbeTransition } from './messages.js';
export { isOver, newProbe, type NewProbe, type ProbeState } from './state.js';
export { probeStep } from './step.js';
export { planProbe } from './view.js';
