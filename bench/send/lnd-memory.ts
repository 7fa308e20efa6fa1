/** LND's mission control by its published rules: per directed pair of nodes the last success and failure amounts, with times. */

export interface PairResult {
  /** 0: none. */
  successAmount: number;
  successAt: number;
  /** Undefined: none. 0: whatever the amount. */
  failAmount: number | undefined;
  failAt: number;
}

export type PairResults = ReadonlyMap<number, PairResult>;

const RELAX_MS = 60_000;
const SECOND_CHANCE_MS = 60_000;
/** Of the attempts kept, as pairs: results beyond are the oldest. */
const ATTEMPTS_KEPT = 1000;

export class MissionControl {
  readonly #results = new Map<number, Map<number, PairResult>>();
  readonly #policyErrors = new Map<string, number>();
  readonly #attempts: number[] = [];

  /** Of pairs that start at the node. */
  of(node: number): PairResults | undefined {
    return this.#results.get(node);
  }

  succeeded(from: number, to: number, amount: number, now: number): void {
    const pair = this.#pair(from, to);
    pair.successAt = now;
    pair.successAmount = Math.max(pair.successAmount, amount);
    // What is known of larger amounts stays known.
    if (pair.failAmount !== undefined && amount >= pair.failAmount) pair.failAmount = amount + 1;
  }

  /** @param amount 0 if the amount was not the reason */
  failed(from: number, to: number, amount: number, now: number): void {
    const pair = this.#pair(from, to);
    const { failAmount } = pair;
    // A failure of more, soon after, tells nothing new.
    if (failAmount !== undefined && amount > failAmount && now - pair.failAt < RELAX_MS) return;
    pair.failAmount = amount;
    pair.failAt = now;
    if (amount <= pair.successAmount) pair.successAmount = Math.max(0, amount - 1);
  }

  /** The first policy error of a pair in a minute is forgiven. */
  forgives(from: number, to: number, now: number): boolean {
    const key = `${from}/${to}`;
    const last = this.#policyErrors.get(key);
    this.#policyErrors.set(key, now);
    return last === undefined || now - last >= SECOND_CHANCE_MS;
  }

  /** Counts an attempt; beyond those kept, pairs that have heard nothing since the oldest one kept are forgotten. */
  ended(now: number): void {
    this.#attempts.push(now);
    if (this.#attempts.length <= ATTEMPTS_KEPT) return;
    this.#attempts.shift();
    const oldest = this.#attempts[0]!;
    for (const [from, pairs] of this.#results) {
      for (const [to, { successAt, failAt }] of pairs) {
        if (successAt < oldest && failAt < oldest) pairs.delete(to);
      }
      if (pairs.size === 0) this.#results.delete(from);
    }
  }

  #pair(from: number, to: number): PairResult {
    let pairs = this.#results.get(from);
    if (!pairs) this.#results.set(from, (pairs = new Map<number, PairResult>()));
    let pair = pairs.get(to);
    if (!pair) {
      pair = { successAmount: 0, successAt: -Infinity, failAmount: undefined, failAt: -Infinity };
      pairs.set(to, pair);
    }
    return pair;
  }
}
