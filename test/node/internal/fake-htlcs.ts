/** Rows of the internal member in memory, with the rules of the schema, and calls that can be made to fail. */
import type {
  InternalHtlc,
  InternalHtlcEnd,
  InternalHtlcKey,
  InternalHtlcs,
  InternalPartName,
  NewInternalHtlc,
} from '../../../src/node/internal/store-port.js';
import { FakeStoreAway } from '../../support/fake-ledger-store.js';

type Verb = keyof InternalHtlcs;

export class FakeInternalHtlcs implements InternalHtlcs {
  readonly rows: InternalHtlc[] = [];
  readonly #now: () => number;
  /** What happens to the next call of a verb: refused, or carried out with its answer lost. */
  readonly #trouble = new Map<Verb, 'refuse' | 'lose'>();

  constructor(now: () => number) {
    this.#now = now;
  }

  refuseNext(verb: Verb): void {
    this.#trouble.set(verb, 'refuse');
  }

  loseNext(verb: Verb): void {
    this.#trouble.set(verb, 'lose');
  }

  async #call<T>(verb: Verb, carryOut: () => T): Promise<T> {
    const trouble = this.#trouble.get(verb);
    this.#trouble.delete(verb);
    if (trouble === 'refuse') throw new FakeStoreAway('refused');
    const value = carryOut();
    if (trouble === 'lose') throw new FakeStoreAway('answer lost');
    return value;
  }

  #ofPart({ paymentHash, partId, sentAt }: InternalPartName): InternalHtlc | undefined {
    return this.rows.find((row) => row.paymentHash === paymentHash && row.partId === partId && row.sentAt === sentAt);
  }

  #ofKey({ nodeId, channelId, htlcId }: InternalHtlcKey): InternalHtlc | undefined {
    return this.rows.find((row) => row.nodeId === nodeId && row.channelId === channelId && row.htlcId === htlcId);
  }

  hold(htlc: NewInternalHtlc): Promise<InternalHtlc> {
    return this.#call('hold', () => {
      const there = this.#ofPart(htlc);
      if (there) return there;
      const row = {
        ...htlc,
        htlcId: BigInt(this.rows.length + 1),
        createdAt: this.#now(),
        end: { state: 'held' as const },
      };
      this.rows.push(row);
      return row;
    });
  }

  held(nodeId: string): Promise<readonly InternalHtlc[]> {
    return this.#call('held', () => this.rows.filter((row) => row.nodeId === nodeId && row.end.state === 'held'));
  }

  #end(key: InternalHtlcKey, end: InternalHtlcEnd): InternalHtlc | undefined {
    const row = this.#ofKey(key);
    if (!row || row.end.state !== 'held') return row;
    const ended = { ...row, end };
    this.rows[this.rows.indexOf(row)] = ended;
    return ended;
  }

  settle(key: InternalHtlcKey, preimage: string): Promise<InternalHtlc | undefined> {
    return this.#call('settle', () => this.#end(key, { state: 'settled', preimage, endedAt: this.#now() }));
  }

  fail(key: InternalHtlcKey, packet: Uint8Array): Promise<InternalHtlc | undefined> {
    return this.#call('fail', () => this.#end(key, { state: 'failed', packet, endedAt: this.#now() }));
  }

  lookup(key: InternalHtlcKey): Promise<InternalHtlc | undefined> {
    return this.#call('lookup', () => this.#ofKey(key));
  }

  ofPart(part: InternalPartName): Promise<InternalHtlc | undefined> {
    return this.#call('ofPart', () => this.#ofPart(part));
  }
}
