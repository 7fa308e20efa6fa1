/** Everybody who takes part. */
import {
  DEFAULT_KNOWLEDGE,
  DEFAULT_MODIFIERS,
  DEFAULT_PRESPLIT,
  defaultWeights,
  type Modifier,
  presplitting,
  type Weights,
} from '../../src/send/index.js';
import { clnPay, PAY_090, PAY_LAST } from './cln-pay.js';
import { ECLAIR } from './eclair.js';
import { LDK_MODEL, LDK_MODEL_01 } from './ldk-model.js';
import { LDK_REAL } from './ldk-real.js';
import { LND_APRIORI, LND_BIMODAL } from './lnd.js';
import { machineStrategy } from './machine-sender.js';
import type { Strategy } from './rival.js';
import { XPAY } from './xpay.js';

export const OURS = 'flow';
const MINUTE = 60_000;

const RIVALS: readonly Strategy[] = [
  clnPay('pay v0.9.0, fuzz 10 %', { ...PAY_090, presplit: { ...DEFAULT_PRESPLIT, fuzz: 0.1 } }),
  clnPay('pay v0.9.0, fuzz 25 %', { ...PAY_090, presplit: { ...DEFAULT_PRESPLIT, fuzz: 0.25 } }),
  clnPay('last pay', PAY_LAST),
  XPAY,
];

/** In a set of their own: each set is run beside ours and takes as long as its slowest. */
const ROUTERS: readonly Strategy[] = [LND_APRIORI, LND_BIMODAL, ECLAIR];

const withWeights = (change: (weights: Weights) => Partial<Weights>): readonly Modifier[] => [
  ...DEFAULT_MODIFIERS,
  {
    name: 'other-weights',
    plan(request, next) {
      const weights = request.weights ?? defaultWeights(request.amountMsat);
      return next({ ...request, weights: { ...weights, ...change(weights) } });
    },
  },
];

const halfLives = (name: string, minutes: number): Strategy => {
  const all = minutes * MINUTE;
  const knowledge = { ...DEFAULT_KNOWLEDGE, halfLives: { failureMs: all, passMs: all } };
  return machineStrategy(name, { knowledge });
};

/** One thing changed at a time. */
const ABLATIONS: readonly Strategy[] = [
  machineStrategy('presplit', { modifiers: [...DEFAULT_MODIFIERS, presplitting()] }),
  machineStrategy('c0 = 0', { modifiers: withWeights(() => ({ partMsat: 0, nodeMsat: 0 })) }),
  machineStrategy('lambda x 5', { modifiers: withWeights(({ riskMsat }) => ({ riskMsat: 5 * riskMsat })) }),
  machineStrategy('lambda / 5', { modifiers: withWeights(({ riskMsat }) => ({ riskMsat: riskMsat / 5 })) }),
  machineStrategy('uniform prior', { knowledge: { ...DEFAULT_KNOWLEDGE, endWeight: 0 } }),
];

const DECAYS: readonly Strategy[] = [
  halfLives('half-lives 5 min', 5),
  halfLives('half-lives 3 h', 180),
  halfLives('no decay', Infinity),
];

export const SETS = {
  rivals: RIVALS,
  routers: ROUTERS,
  ldk: [LDK_MODEL, LDK_MODEL_01],
  real: [LDK_REAL],
  ablations: ABLATIONS,
  decays: DECAYS,
} as const;
export type StrategySet = keyof typeof SETS;

/** Ours first. */
export function strategiesOf(set: StrategySet): readonly Strategy[] {
  return [machineStrategy(OURS), ...SETS[set]];
}
