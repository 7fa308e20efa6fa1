/** The internal member before its database has answered: its id follows from what the database was claimed with. */
import { INTERNAL_NAME, type InternalNode } from '../../node/internal/index.js';
import type { Clock } from '../../receive/clock.js';
import type { InterceptPort, LocalChannel, NodeInfo, NodePort } from '../../receive/node-port.js';
import type { Store } from '../../store/index.js';
import type { Millis } from '../../wire/units.js';

/** Payments write in bursts: looks that would only repeat each other are made once. */
const GATHER_MS: Millis = 50;

export class LateInternalNode implements NodePort {
  readonly name = INTERNAL_NAME;
  readonly kind = 'internal';
  readonly intercept: InterceptPort;
  readonly #make: () => Promise<InternalNode>;
  #opening: Promise<InternalNode> | undefined;
  #node: InternalNode | undefined;
  readonly #hints: Pick<Store, 'onHint'>;
  readonly #clock: Clock;
  #cancelHints: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;

  /** @param make rejects while the database is away, and is asked again then */
  constructor(make: () => Promise<InternalNode>, hints: Pick<Store, 'onHint'>, clock: Clock) {
    this.#make = make;
    this.#hints = hints;
    this.#clock = clock;
    this.intercept = {
      nodeFailureCodes: 'any',
      open: async (handlers) => (await this.opened()).intercept.open(handlers),
      lookupFinal: async (key) => (await this.opened()).intercept.lookupFinal(key),
    };
  }

  /** The node itself, as soon as it can be. Rejects while the database is away. */
  opened(): Promise<InternalNode> {
    this.#opening ??= this.#make().then(
      (node) => {
        this.#node = node;
        return node;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** Undefined until the database has answered once. */
  get node(): InternalNode | undefined {
    return this.#node;
  }

  async info(): Promise<NodeInfo> {
    return (await this.opened()).info();
  }

  async channels(): Promise<readonly LocalChannel[]> {
    return [];
  }

  /** The node begins with the first question; from then on it looks as soon as any process has written. */
  start(): void {
    this.#cancelHints = this.#hints.onHint(({ payments }) => {
      if (!payments || !this.#node || this.#cancelLook) return;
      this.#cancelLook = this.#clock.after(GATHER_MS, () => {
        this.#cancelLook = undefined;
        this.#node?.hint();
      });
    });
  }

  async stop(): Promise<void> {
    this.#cancelHints?.();
    this.#cancelLook?.();
    this.#node?.close();
  }
}
