/** The real rules with one bug each (docs/ledger.md, "Planted bugs it must catch"). */
import { step } from '../../../src/receive/ledger/step.js';
import type { Account, HtlcSet, Lease, Part } from '../../../src/receive/ledger/types.js';
import { type Rules, type StepFunction } from './world.js';

type Plant = Partial<Rules>;

const leasesAs = (leases: ReadonlyMap<string, Lease>, change: (lease: Lease) => Partial<Lease>): Map<string, Lease> =>
  new Map([...leases].map(([node, lease]) => [node, { ...lease, ...change(lease) }]));

/** Every lease looks alive, and every part as if it had been shown on it. */
const countDeadStreams: StepFunction = (account, command, context) => {
  const parts = account.parts.map((part) => {
    const epoch = context.leases.get(part.key.nodeId)?.epoch ?? part.presentedEpoch;
    return part.decision.type === 'none' && part.presentedEpoch !== epoch ? { ...part, presentedEpoch: epoch } : part;
  });
  const leases = leasesAs(context.leases, () => ({ expiresAt: context.now + 1 }));
  return step({ ...account, parts }, command, { ...context, leases });
};

/** Both nodes are taken to be at the height of the one that is behind. */
const heightOfAnother: StepFunction = (account, command, context) => {
  const height = Math.min(...[...context.leases.values()].map((lease) => lease.height));
  return step(account, command, { ...context, leases: leasesAs(context.leases, () => ({ height })) });
};

/** Complete is asked of all parts of the hash together. */
const sumOfAllSets: StepFunction = (account, command, context) => {
  const result = step(account, command, context);
  const open = result.account.sets.filter(({ state }) => state === 'open');
  const live = result.account.parts.filter(({ decision, final }) => decision.type === 'none' && final === 'none');
  const sum = live.reduce((total, { amountMsat }) => total + amountMsat, 0n);
  const [first] = open;
  if (!first || sum < first.totalMsat) return result;
  const sets = result.account.sets.map((set): HtlcSet => (set === first ? { ...set, state: 'settling' } : set));
  const parts = result.account.parts.map((part): Part =>
    live.includes(part) ? { ...part, decision: { type: 'settle' } } : part,
  );
  return { ...result, account: { ...result.account, sets, parts } };
};

/** Decided rows are swept away after a while. */
const forgetOldDecisions: StepFunction = (account, command, context) => {
  const kept = ({ decidedAt }: { readonly decidedAt: number | undefined }): boolean =>
    decidedAt === undefined || context.now - decidedAt < 1;
  const cleaned: Account = { ...account, sets: account.sets.filter(kept), parts: account.parts.filter(kept) };
  return step(cleaned, command, context);
};

export const PLANTED: Readonly<Record<string, Plant>> = {
  'parts of a dead stream are counted': { step: countDeadStreams },
  'fail is answered from memory on a timeout': { failsFromMemory: true },
  'a lease is taken without a new epoch': {
    takenLease: (taken, before) => ({ ...taken, epoch: before?.epoch ?? taken.epoch }),
  },
  'a set is completed outside the transaction': { staleReviews: true },
  'the sum of all sets of a hash is compared': { step: sumOfAllSets },
  'the height of one node is used for another': { step: heightOfAnother },
  'decisions older than an hour are forgotten': { step: forgetOldDecisions },
};
