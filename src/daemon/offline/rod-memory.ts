/** LightningRod requests that are not over, in memory. */
import { isRodOver } from '../../offline/rod/step.js';
import type { RodRequest } from '../../offline/rod/types.js';
import { toHex } from '../../wire/bytes.js';

/** What names a request in the store and in its release paths: half of its id. */
export const rodKeyOf = (rodId: Uint8Array): string => toHex(rodId.subarray(0, 16));

export class OpenRods {
  readonly #open = new Map<string, RodRequest>();
  readonly #ofClient = new Map<number, Set<string>>();

  get(id: string): RodRequest | undefined {
    return this.#open.get(id);
  }

  all(): readonly (readonly [id: string, request: RodRequest])[] {
    return [...this.#open];
  }

  /** In the order in which they came to be known. */
  ofClient(client: number): RodRequest[] {
    return [...(this.#ofClient.get(client) ?? [])].flatMap((id) => this.#open.get(id) ?? []);
  }

  /** Takes in its newest state; one that is over is forgotten. */
  remember(request: RodRequest): void {
    if (isRodOver(request)) {
      this.forget(request);
      return;
    }
    const id = rodKeyOf(request.rodId);
    const ids = this.#ofClient.get(request.client) ?? new Set<string>();
    this.#open.set(id, request);
    this.#ofClient.set(request.client, ids.add(id));
  }

  forget({ rodId, client }: RodRequest): void {
    const id = rodKeyOf(rodId);
    this.#open.delete(id);
    const ids = this.#ofClient.get(client);
    ids?.delete(id);
    if (ids?.size === 0) this.#ofClient.delete(client);
  }
}
