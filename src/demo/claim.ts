/** What a scenario claims is checked; a claim that does not hold is the scenario's failure, with a sentence to read. */

export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed';
}

/** @throws {ClaimFailed} saying that `what` does not hold */
export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ClaimFailed(`does not hold: ${what}`);
}

/** @throws {ClaimFailed} showing both values unless they are equal; for texts, numbers and amounts */
export function claimEqual<T extends string | number | bigint | boolean | undefined>(
  found: T,
  expected: T,
  what: string,
): void {
  if (found !== expected) throw new ClaimFailed(`${what}: expected ${String(expected)}, found ${String(found)}`);
}
