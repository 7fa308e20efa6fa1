/** Tells of a member that nobody serves for minutes: its node's forwards may be failing meanwhile. */
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Millis } from '../wire/units.js';

/** Told after so long, and again while it lasts. */
const AWAY_ALARM_MS: Millis = 180_000;

export interface AwayWatchOptions {
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  /** Of the node, as the operator calls it. */
  readonly name: string;
  /** Nothing is told while this is so: the cause has an alarm of its own. */
  readonly isRefused: () => boolean;
}

export class AwayWatch {
  readonly #options: AwayWatchOptions;
  #trouble = 'it does not answer';
  #cancel: (() => void) | undefined;

  constructor(options: AwayWatchOptions) {
    this.#options = options;
  }

  /** @param trouble why it is not served, where that is known */
  away(trouble: string | undefined): void {
    this.#trouble = trouble ?? this.#trouble;
    this.#cancel ??= this.#options.clock.after(AWAY_ALARM_MS, () => {
      this.#alarm();
    });
  }

  /** Somebody serves it, or nobody is meant to. */
  over(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #alarm(): void {
    const { alarms, name, isRefused } = this.#options;
    const minutes = AWAY_ALARM_MS / 60_000;
    const message = `this node takes no payments for the cluster for ${minutes} minutes or more: ${this.#trouble}`;
    if (!isRefused()) alarms.raise({ code: 'node-away', node: name, message });
    this.#cancel = undefined;
    this.away(undefined);
  }
}
