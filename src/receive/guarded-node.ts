/** What the guard does at one node under one lease: each act at most once while it succeeds, again with back-off while not. */
import { fromHex } from '../wire/bytes.js';
import type { Millis } from '../wire/units.js';
import type { Alarm, AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import { isAtRisk } from './guard-decision.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { type Part, partKeyText } from './ledger/types.js';
import type { GuardedNode } from './member-session.js';
import { within } from './waiting.js';

export type GuardAct = 'preimage-registered' | 'force-closed' | 'failed';
export type GuardReport = (act: GuardAct, node: string) => void;

export interface GuardedChannelsOptions {
  readonly node: GuardedNode;
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  readonly onGuard?: GuardReport;
  /** Names of acts under way, shared by all epochs of the process. */
  readonly busy: Set<string>;
}

/** After a reconnect peers come back within seconds, and held HTLCs are answered. */
const SETTLING_DOWN_MS = 30_000;
const CALL_TIMEOUT_MS = 15_000;
/** A node may wait for its own wallet before it can close. */
const CLOSE_TIMEOUT_MS = 60_000;
/** What was read longer ago does not justify closing a channel: the process may have been frozen since. */
const FRESH_MS = 20_000;
const FIRST_BACKOFF_MS = 5_000;
/** Far below the time between two blocks. */
const LAST_BACKOFF_MS = 120_000;

export class GuardedChannels {
  readonly #options: GuardedChannelsOptions;
  /** Acts that succeeded, by name. */
  readonly #done = new Set<string>();
  /** Acts that failed and wait, by name, and how long each waits next. */
  readonly #pausing = new Set<string>();
  readonly #backoff = new Map<string, Millis>();
  #settledDown = false;

  constructor(options: GuardedChannelsOptions) {
    this.#options = options;
    options.clock.after(SETTLING_DOWN_MS, () => {
      this.#settledDown = true;
    });
  }

  get hasSettledDown(): boolean {
    return this.#settledDown;
  }

  /** Tells the node the preimage of these parts of one hash. */
  register(preimage: string, parts: readonly Part[]): void {
    const { node, onGuard } = this.#options;
    const { port } = node;
    const [first] = parts;
    if (!port.registerPreimage || !first) return;
    void this.#once(`register ${first.paymentHash}`, first, 'told the preimage', async () => {
      if (!(await this.#unresolved(parts))) return false;
      const amountMsat = parts.reduce((sum, { incomingAmountMsat }) => sum + incomingAmountMsat, 0n);
      await this.#inTime(CALL_TIMEOUT_MS, port.registerPreimage?.(fromHex(preimage), amountMsat));
      onGuard?.('preimage-registered', node.name);
      return true;
    });
  }

  /** Closes the channels of these parts, each of which is reason enough. */
  close(parts: readonly Part[]): void {
    if (!this.#options.node.port.forceClose) return;
    for (const channelId of new Set(parts.map(({ key }) => key.channelId))) {
      const ofChannel = parts.filter(({ key }) => key.channelId === channelId).sort((a, b) => a.expiry - b.expiry);
      const [first] = ofChannel;
      void this.#once(`close ${channelId}`, first!, 'asked to close the channel', () => this.#forceClose(ofChannel));
    }
  }

  async #forceClose(parts: readonly Part[]): Promise<boolean> {
    const { node, clock, onGuard } = this.#options;
    const { standing, readAt } = await this.#standing(parts);
    const reason = await this.#unresolved(standing);
    if (!reason || !node.isLive() || node.isGone(reason.key)) return false;
    const age = clock.now() - readAt;
    if (age < 0 || age > FRESH_MS)
      throw new Error('the database and the node took too long to say that it is still needed');
    await this.#inTime(CLOSE_TIMEOUT_MS, node.port.forceClose?.(reason.key.channelId));
    const sum = standing.reduce((total, { amountMsat }) => total + amountMsat, 0n);
    const left = reason.expiry - node.height();
    this.#alarm(
      reason,
      'guard-force-closed',
      `channel ${reason.key.channelId} was closed ${left} blocks before a settled HTLC in it expires, to claim ` +
        `${standing.length} settled parts of ${sum} msat on chain; keep the node and this daemon running until they are final`,
    );
    onGuard?.('force-closed', node.name);
    return true;
  }

  /** Those that the ledger still has at risk, if the node is still ours: read in one transaction (R4). */
  #standing(parts: readonly Part[]): Promise<{ readonly standing: readonly Part[]; readonly readAt: Millis }> {
    const { node, ledger, store, clock } = this.#options;
    const texts = new Set(parts.map(({ key }) => partKeyText(key)));
    const hashes = [...new Set(parts.map(({ paymentHash }) => paymentHash))];
    return store.transact(hashes, (view) => {
      const readAt = clock.now(); // not when it was asked for: a slow database may still say what is true now
      const lease = view.leases.get(node.nodeId);
      if (lease?.owner !== ledger.owner || lease.epoch !== node.epoch || lease.expiresAt <= view.now) {
        return { standing: [], readAt };
      }
      const all = hashes.flatMap((hash) => view.account(hash).parts);
      const standing = all
        .filter((part) => texts.has(partKeyText(part.key)) && isAtRisk(part))
        .sort((a, b) => a.expiry - b.expiry);
      return { standing, readAt };
    });
  }

  /** The first part that the node has not seen the end of. Ends that were missed are recorded on the way. */
  async #unresolved(parts: readonly Part[]): Promise<Part | undefined> {
    const { node } = this.#options;
    for (const part of parts) {
      if (!node.isLive()) return undefined;
      if (!(await this.#inTime(CALL_TIMEOUT_MS, node.lookUpFinal(part.key)))) return part;
    }
    return undefined;
  }

  /** Rejects if the node takes longer. */
  async #inTime<T>(ms: Millis, call: Promise<T> | undefined): Promise<T | undefined> {
    const answer = await within(
      this.#options.clock,
      ms,
      Promise.resolve(call).then((value) => ({ value })),
    );
    if (!answer) throw new Error(`no answer in ${ms / 1000} seconds`);
    return answer.value;
  }

  /** @param act resolves with whether it is done for this session; rejects if the node or the store did not play */
  async #once(name: string, part: Part, what: string, act: () => Promise<boolean>): Promise<void> {
    const { node, busy, onGuard } = this.#options;
    const busyName = `${node.nodeId} ${name}`;
    if (this.#done.has(name) || this.#pausing.has(name) || busy.has(busyName)) return;
    busy.add(busyName);
    try {
      if (await act()) this.#done.add(name);
      this.#backoff.delete(name);
    } catch (error) {
      this.#pause(name);
      if (!node.isLive()) return; // the member says that, and begins anew
      onGuard?.('failed', node.name);
      const reason = error instanceof Error ? error.message : String(error);
      this.#alarm(
        part,
        'guard-failed',
        `the node should have been ${what} for a settled part that is not final: ${reason}; it is tried again. ` +
          `If it goes on, close channel ${part.key.channelId} by hand before block ${part.expiry}`,
      );
    } finally {
      busy.delete(busyName);
    }
  }

  #pause(name: string): void {
    const wait = this.#backoff.get(name) ?? FIRST_BACKOFF_MS;
    this.#backoff.set(name, Math.min(2 * wait, LAST_BACKOFF_MS));
    this.#pausing.add(name);
    this.#options.clock.after(wait, () => this.#pausing.delete(name));
  }

  #alarm({ key, paymentHash }: Part, code: Alarm['code'], message: string): void {
    const { channelId, htlcId } = key;
    this.#options.alarms.raise({ code, node: this.#options.node.name, paymentHash, channelId, htlcId, message });
  }
}
