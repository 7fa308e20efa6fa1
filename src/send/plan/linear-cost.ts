/**
 * Piecewise linear prices of arcs for the flow solver: price per msat on successive pieces of an arc's room, never falling
 * from one piece to the next. Base fees and marks, which are paid per part, are spread over the part that is expected.
 *
 * Where the risk is concave (a balance at the very end of a channel is likely, in between it is not), a chord steeper than
 * the next one is kept for both. Around a known solution the first piece is that solution's flow at its average price, which
 * corrects this where it matters.
 */
import type { Arena } from './arena.js';

export interface FlowPrices {
  readonly amount: number;
  readonly feeWeight: number;
  readonly riskMsat: number;
  readonly lockPerBlock: number;
  /** Size of part over which what is paid per part is spread. */
  readonly expectedPart: number;
  /** Arcs with less room are left out: they would make slivers. */
  readonly leastRoom: number;
  /** HTLCs of the maximum size that may use one arc. */
  readonly htlcsPerArc: number;
}

const PIECES = 4;
const MILLION = 1_000_000;

export class LinearCosts {
  /** Index of an arc's pieces, -1 if not made yet. */
  #at = new Int32Array(0);
  #made: number[] = [];
  /** Ends of the pieces (cumulative) and their prices (-1 if not made yet), PIECES per arc. An arc of no use ends at 0. */
  #ends = new Float64Array(0);
  #slopes = new Float64Array(0);
  /** Per arc, what the price would be without risk. */
  #level = new Float64Array(0);
  /** Flow of a former round, by arc. */
  #former = new Map<number, number>();
  #arena: Arena | undefined;
  #prices: FlowPrices | undefined;

  /** Starts anew. `former` holds the flows around which to linearise. */
  start(arena: Arena, prices: FlowPrices, former: ReadonlyMap<number, number>): void {
    for (const arc of this.#made) this.#at[arc] = -1;
    this.#made = [];
    const arcs = arena.halves + arena.local.count;
    if (this.#at.length < arcs) this.#at = new Int32Array(2 * arcs).fill(-1);
    this.#former = new Map(former);
    this.#arena = arena;
    this.#prices = prices;
  }

  /** The piece on which the arc's next msat goes when it carries `flow`; -1 if it is full or of no use. */
  pieceFor(arc: number, flow: number): number {
    let piece = this.#pieces(arc);
    const last = piece + PIECES - 1;
    while (piece < last && flow >= this.#ends[piece]!) piece++;
    return flow < this.#ends[piece]! ? piece : -1;
  }

  /** The piece that holds the last msat of the arc's flow. */
  pieceOf(arc: number, flow: number): number {
    let piece = this.#pieces(arc);
    while (this.#ends[piece]! < flow) piece++;
    return piece;
  }

  /** Where the piece begins and ends, counted from no flow. */
  startOf(arc: number, piece: number): number {
    return piece === this.#pieces(arc) ? 0 : this.#ends[piece - 1]!;
  }

  end(piece: number): number {
    return this.#ends[piece]!;
  }

  /** Price per msat on the piece. */
  slope(piece: number): number {
    const known = this.#slopes[piece]!;
    return known >= 0 ? known : this.#price(piece);
  }

  #pieces(arc: number): number {
    const known = this.#at[arc]!;
    return known >= 0 ? known : this.#make(arc);
  }

  #make(arc: number): number {
    const first = this.#made.length * PIECES;
    if (first + PIECES > this.#ends.length) this.#grow();
    this.#at[arc] = first;
    this.#made.push(arc);
    const room = this.#roomOf(arc);
    const former = Math.min(room, this.#former.get(arc) ?? 0);
    for (let piece = 0; piece < PIECES; piece++) {
      this.#ends[first + piece] = pieceEnd(piece, former, room);
      this.#slopes[first + piece] = -1;
    }
    return first;
  }

  #roomOf(arc: number): number {
    const arena = this.#arena!;
    const { amount, htlcsPerArc, leastRoom } = this.#prices!;
    const max = arena.max(arc);
    if (max <= 0 || arena.min(arc) > amount || arena.slotsOf(arc) < 1) return 0;
    const htlcs = Math.min(htlcsPerArc, arena.slotsOf(arc));
    const room = Math.min(amount, arena.room(arc), max * htlcs);
    return room >= leastRoom && room > 0 ? Math.floor(room) : 0;
  }

  /** Prices are made when asked for: of most arcs only the first is. */
  #price(piece: number): number {
    const first = piece - (piece % PIECES);
    const arc = this.#made[first / PIECES]!;
    const arena = this.#arena!;
    const start = piece === first ? 0 : this.#ends[piece - 1]!;
    const end = this.#ends[piece]!;
    let slope: number;
    if (piece === first) {
      const { expectedPart, riskMsat } = this.#prices!;
      const former = this.#former.get(arc) ?? 0;
      const fixed = this.#fixedOf(arc) / (former > 0 ? former : expectedPart);
      const risk = riskMsat === 0 || end === 0 ? 0 : (riskMsat * arena.risk(arc, end)) / end;
      this.#level[first / PIECES] = this.#proportionalOf(arc) + fixed;
      slope = this.#level[first / PIECES]! + risk;
    } else {
      const before = this.slope(piece - 1);
      if (end === start) slope = before;
      else {
        const { riskMsat } = this.#prices!;
        const risk = riskMsat === 0 ? 0 : (riskMsat * (arena.risk(arc, end) - arena.risk(arc, start))) / (end - start);
        slope = Math.max(before, this.#level[first / PIECES]! + risk);
      }
    }
    this.#slopes[piece] = slope;
    return slope;
  }

  /** Price per msat that does not depend on the flow. */
  #proportionalOf(arc: number): number {
    const arena = this.#arena!;
    const { feeWeight, lockPerBlock } = this.#prices!;
    if (arena.isLocal(arc)) {
      const { kind, bias } = arena.local.get(arc - arena.halves);
      if (kind === 'own') return bias / MILLION;
    }
    return (feeWeight * arena.ppm(arc)) / MILLION + lockPerBlock * arena.cltv(arc);
  }

  /** Price per part. */
  #fixedOf(arc: number): number {
    const arena = this.#arena!;
    const { feeWeight, riskMsat } = this.#prices!;
    return feeWeight * arena.base(arc) + riskMsat * arena.mark[arena.from(arc)]!;
  }

  #grow(): void {
    const length = Math.max(1024 * PIECES, 2 * this.#ends.length);
    const ends = new Float64Array(length);
    const slopes = new Float64Array(length);
    ends.set(this.#ends);
    slopes.set(this.#slopes);
    const level = new Float64Array(length / PIECES);
    level.set(this.#level);
    this.#ends = ends;
    this.#slopes = slopes;
    this.#level = level;
  }
}

/** Equal pieces; around a former flow the first ends there and the others share what is left. */
function pieceEnd(piece: number, former: number, room: number): number {
  if (piece === PIECES - 1) return room;
  if (former <= 0) return Math.floor((room * (piece + 1)) / PIECES);
  return Math.floor(former + ((room - former) * piece) / (PIECES - 1));
}
