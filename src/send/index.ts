/** Paying: the channel graph, liquidity knowledge and planners. Pure: time, randomness and balances are arguments. */
export {
  adaptiveSplit,
  type AdaptiveSplit,
  LEAST_SPLIT_MSAT,
  partsLeftOf,
  type SplitChild,
} from './classic/adaptive-split.js';
export { ClassicPlanner } from './classic/classic-planner.js';
export { budgetFor, EXEMPT_FEE_MSAT, feeShare } from './classic/fee-share.js';
export { type Chance, DEFAULT_PRESPLIT, presplit, type Presplit, type PresplitOptions } from './classic/presplit.js';
export {
  decideRetry,
  DEFAULT_RETRIES,
  type FailedAttempt,
  hintForAttempt,
  type RetryDecision,
} from './classic/retry.js';
export {
  explainFailure,
  type ExplainedFailure,
  type ExplainedHop,
  type ExplainedPart,
  type ExplainedPayment,
  type ExplainedPlan,
  type ExplainedRoute,
  explainPayment,
  explainPlan,
  type Names,
} from './explain/index.js';
export { ChannelGraph, type GraphSize, type NodeKey } from './graph/channel-graph.js';
export { type LoadedGraph, loadGraph } from './graph/data-file.js';
export type { ChannelAnnouncement, Direction, GraphChange, Policy, PolicyUpdate } from './graph/policy.js';
export type { HalfLives, LiquidityRange } from './knowledge/bounds.js';
export { type ExportedChannel, type ExportedKnowledge, exportKnowledge, importKnowledge } from './knowledge/export.js';
export {
  type Avoidance,
  DEFAULT_KNOWLEDGE,
  type HopUse,
  Knowledge,
  type KnowledgeOptions,
} from './knowledge/knowledge.js';
export { type DirectedChannel, type OwnRange, PaymentMemory, type PrivatePolicy } from './knowledge/payment-memory.js';
export { DEFAULT_END_WEIGHT, passProbability } from './knowledge/prior.js';
export { react } from './payment/failure/react.js';
export type { FailureContext } from './payment/failure/context.js';
export { FAILURE_TABLE, type FailureRow } from './payment/failure/table.js';
export { believedPolicy, type SignedUpdate, type UpdateVerifier } from './payment/failure/policy-update.js';
export type { Next, Reaction } from './payment/failure/reaction.js';
export type { PartFailure, ReportedFailure } from './payment/failure/reported.js';
export { applyLessons, type Lesson, type PrivateLesson, type SharedLesson } from './payment/lessons.js';
export { memoryOf } from './payment/memory.js';
export {
  DEFAULT_TIMING,
  type LookUpAnswer,
  type PartOutcome,
  type PaymentCommand,
  type PaymentEvent,
  type Progress,
  type Report,
  type Step,
  type StepContext,
  type Timing,
} from './payment/messages.js';
export { adaptiveSplitting } from './payment/modifiers/adaptive-split.js';
export { DEFAULT_MODIFIERS } from './payment/modifiers/default.js';
export { directPay } from './payment/modifiers/direct-pay.js';
export { exemptFee } from './payment/modifiers/exempt-fee.js';
export { keysend } from './payment/modifiers/keysend.js';
export { ownBalances } from './payment/modifiers/own-balances.js';
export { payeeLimits } from './payment/modifiers/payee-limits.js';
export { presplitting } from './payment/modifiers/presplit.js';
export { retryLimit } from './payment/modifiers/retry.js';
export { routeHints } from './payment/modifiers/route-hints.js';
export { sameRoute } from './payment/modifiers/same-route.js';
export { shadowOffset } from './payment/modifiers/shadow-offset.js';
export { waitHeight } from './payment/modifiers/wait-height.js';
export {
  type Adjustments,
  type FinalRecords,
  newPayment,
  type PartState,
  type PaymentPart,
  type PaymentState,
  type PaymentTerms,
  type Phase,
  type StopCode,
  type StopReason,
} from './payment/payment.js';
export { type HopPayload, mostHops, payloadsOf, type Planned } from './payment/payloads.js';
export { HOLD_RECORD } from './payment/held.js';
export { type NewPayment, planMissing, preparePayment } from './payment/plan-stage.js';
export type { EndedPart, Modifier, PaymentView, PlanNext, PlanView, Prepared, Surroundings } from './payment/stages.js';
export { step } from './payment/step.js';
export { missingMsat, outstandingOf, partsOut, type PendingPart, pendingParts, reservedHops } from './payment/sums.js';
export {
  addOutstanding,
  type Missing,
  missingRequest,
  NOTHING_OUTSTANDING,
  type Outstanding,
} from './plan/fee-pool.js';
export { FlowPlanner } from './plan/flow-planner.js';
export {
  DEFAULT_MAX_HOPS,
  defaultWeights,
  type Payee,
  type PayeeHop,
  payeeOfInvoice,
  type Plan,
  type PlannedPart,
  type Planner,
  type PlanRequest,
  type Refusal,
  type RefusalCode,
  type RouteHop,
  type Source,
  type SourceChannel,
  type Weights,
} from './plan/request.js';
export {
  isOver,
  newProbe,
  type NewProbe,
  planProbe,
  type ProbeCommand,
  type ProbeContext,
  type ProbeEvent,
  type ProbePlanView,
  type ProbeState,
  probeStep,
  type ProbeTransition,
} from './probe/index.js';
export {
  type BadOrder,
  badInvoice,
  type Bolt12Context,
  type Bolt12InvoiceLike,
  type EndOfChannel,
  type HoldOrder,
  type KeysendOrder,
  type OrderContext,
  type OwnInvoice,
  type PayableInvoice,
  type PaymentPathLike,
  type PayOptions,
  probeTerms,
  type ProbeTarget,
  type StaticOrder,
  termsOfBolt12Invoice,
  termsOfInvoice,
  termsOfKeysend,
  termsOfStaticInvoice,
} from './request/index.js';
export { GraphBook, type GraphBookOptions } from './graph/book.js';
export type { GraphHandlers, GraphNews, GraphPort } from './graph/port.js';
export type { Clock, LookUp, NodeBalances, OutgoingPart, PartTold, SendPort } from './run/ports.js';
export { LEASE_MS } from './run/lease.js';
export { Sender } from './run/sender.js';
export type {
  Created,
  KnowledgeSnapshot,
  ListPlace,
  PaymentOutEvent,
  PaymentRequest,
  PaymentStore,
  StartingKnowledge,
  StepCommit,
  StoredLessons,
  StoredPayment,
} from './run/store-port.js';
export type {
  DryRunAnswer,
  InternalNode,
  PayAnswer,
  Paying,
  PayOrder,
  ProbeAnswer,
  ProbeOrder,
  ProbeStep,
  Receipt,
  SenderNodeStatus,
  SenderOptions,
  SenderStatus,
  SendingNode,
} from './run/types.js';
