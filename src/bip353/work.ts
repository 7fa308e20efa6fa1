/** What checking one proof may cost. A small proof could otherwise ask for millions of signature checks ("KeyTrap"). */
import { refuse } from '../wire/result.js';

/** A chain through four zones that ends at an alias needs about 12. */
const MAX_SIGNATURE_CHECKS = 32;
const MAX_KEY_DIGESTS = 128;
/** Rounds of SHA-1 over a name and its salt. */
const MAX_NSEC3_ROUNDS = 2_000;

export class Work {
  #signatures = MAX_SIGNATURE_CHECKS;
  #digests = MAX_KEY_DIGESTS;
  #rounds = MAX_NSEC3_ROUNDS;

  /** @throws Refusal `too_much_work`, as the others. */
  signature(): void {
    if (--this.#signatures < 0) refuse('too_much_work', `more than ${MAX_SIGNATURE_CHECKS} signatures to check`);
  }

  digest(): void {
    if (--this.#digests < 0) refuse('too_much_work', `more than ${MAX_KEY_DIGESTS} keys to compare with DS records`);
  }

  nsec3Rounds(rounds: number): void {
    this.#rounds -= rounds;
    if (this.#rounds < 0) refuse('too_much_work', `more than ${MAX_NSEC3_ROUNDS} rounds of NSEC3 hashing`);
  }
}
