/** Payments and plans in words. */
export type { ExplainedFailure } from './failure.js';
export { explainFailure } from './failure.js';
export type { ExplainedHop, ExplainedPart, ExplainedRoute } from './part.js';
export { explainPayment, type ExplainedPayment } from './payment.js';
export { explainPlan, type ExplainedPlan } from './plan.js';
export { type Names } from './words.js';
