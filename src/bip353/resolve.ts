/** From a name to its TXT records, through aliases, with everything on the way proved. */
import { err, ok, refusable, type Result } from '../wire/result.js';
import { Chain, type VerifiedSet } from './chain.js';
import { proveAbsent } from './denial.js';
import { type DnsName, nameText, renamed, suffixOf } from './dns-name.js';
import type { KeyDigest } from './keys.js';
import { parseProof, type Proof, targetOf, TYPE, txtPieces } from './records.js';
import { both, UNLIMITED, type Validity } from './validity.js';
import { Work } from './work.js';

const MAX_ALIASES = 8;

export interface TxtAnswer {
  /** The strings of each TXT record. */
  readonly records: readonly (readonly Uint8Array[])[];
  readonly validity: Validity;
}

export interface ProofContext {
  /** Seconds since 1970. */
  readonly now: number;
  readonly anchors: readonly KeyDigest[];
}

/** The proved TXT records of a name. Errors: those of {@link parseProof} and of every step of the chain. */
export function resolveTxt(proof: Uint8Array, name: DnsName, { now, anchors }: ProofContext): Result<TxtAnswer> {
  const parsed = parseProof(proof);
  if (!parsed.ok) return parsed;
  const resolution = new Resolution(parsed.value, anchors, now);
  const answer = refusable(() => resolution.follow(name));
  return answer.ok ? answer.value : answer;
}

class Resolution {
  readonly #proof: Proof;
  readonly #chain: Chain;
  readonly #work = new Work();

  constructor(proof: Proof, anchors: readonly KeyDigest[], now: number) {
    this.#proof = proof;
    this.#chain = new Chain(proof, anchors, now, this.#work);
  }

  /** @throws Refusal `too_much_work`, `malformed_record` */
  follow(asked: DnsName): Result<TxtAnswer> {
    const seen = new Set<string>();
    let validity = UNLIMITED;
    for (let name = asked; ;) {
      if (seen.has(name.key)) return err({ code: 'alias_loop', message: `${nameText(name)} is an alias of itself` });
      if (seen.size > MAX_ALIASES) {
        return err({ code: 'too_many_aliases', message: `more than ${MAX_ALIASES} aliases one after another` });
      }
      seen.add(name.key);
      const step = this.#step(name);
      if (!step.ok) return step;
      validity = both(validity, step.value.validity);
      if (step.value.records) return ok({ records: step.value.records, validity });
      name = step.value.next;
    }
  }

  #step(name: DnsName): Result<Step> {
    if (this.#proof.find(name, TYPE.TXT)) {
      const txt = this.#proved(name, TYPE.TXT);
      if (!txt.ok) return txt;
      return ok({ records: txt.value.set.data.map(txtPieces), validity: txt.value.validity });
    }
    // Servers add an unsigned CNAME for readers that know no DNAME (RFC 6672 §3.1): it proves nothing.
    const alias = this.#proof.find(name, TYPE.CNAME);
    const moved = this.#movedAncestor(name);
    if (alias && (alias.signatures.length > 0 || !moved)) return this.#alias(name, name, TYPE.CNAME);
    if (moved) return this.#alias(name, moved, TYPE.DNAME);
    return err({
      code: 'record_missing',
      message: `the proof has neither TXT records nor an alias of ${nameText(name)}`,
    });
  }

  /** Steps over the CNAME or DNAME record of `owner`. */
  #alias(name: DnsName, owner: DnsName, type: number): Result<Step> {
    const proved = this.#proved(owner, type);
    if (!proved.ok) return proved;
    const [target, ...more] = proved.value.set.data.map(targetOf);
    if (!target || more.length > 0) {
      return err({ code: 'alias_ambiguous', message: `${nameText(owner)} is an alias of several names` });
    }
    const next = renamed(name, owner, target);
    if (!next)
      return err({ code: 'name_too_long', message: `the alias of ${nameText(name)} is too long for a DNS name` });
    return ok({ next, validity: proved.value.validity });
  }

  /** The nearest name above that has a DNAME record. */
  #movedAncestor(name: DnsName): DnsName | undefined {
    for (let labels = name.labels.length - 1; labels > 0; labels--) {
      const ancestor = suffixOf(name, labels);
      if (this.#proof.find(ancestor, TYPE.DNAME)) return ancestor;
    }
    return undefined;
  }

  #proved(owner: DnsName, type: number): Result<VerifiedSet> {
    const verified = this.#chain.verify(owner, type);
    if (!verified.ok || !verified.value.absent) return verified;
    const { zone, absent, validity } = verified.value;
    const denial = proveAbsent(this.#chain, this.#proof, zone, absent, this.#work);
    return denial.ok ? ok({ ...verified.value, validity: both(validity, denial.value) }) : denial;
  }
}

type Step =
  | { readonly records: readonly (readonly Uint8Array[])[]; readonly next?: undefined; readonly validity: Validity }
  | { readonly records?: undefined; readonly next: DnsName; readonly validity: Validity };
