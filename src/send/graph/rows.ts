/**
 * Adjacency rows: for each node the channel halves that lead into it, in one pool of integers. A row that is full moves to
 * the pool's end with twice the room, and the pool is packed when half of it is waste, so that adding, removing and
 * searching need no rebuild: every change costs constant time on average and never more than one pass over the pool.
 */
const LEAST_ROOM = 2;

export class Rows {
  /** Row of node v: `pool[start[v]] … pool[start[v] + count[v] - 1]`. Read-only for users; replaced as it grows. */
  pool: Int32Array;
  start: Int32Array;
  count: Int32Array;
  #room: Int32Array;
  /** Where a half stands in its row, -1 if in none. */
  #place: Int32Array;
  #end = 0;
  #waste = 0;

  constructor(nodes: number, halves: number) {
    this.pool = new Int32Array(Math.max(16, 2 * halves));
    this.start = new Int32Array(nodes);
    this.count = new Int32Array(nodes);
    this.#room = new Int32Array(nodes);
    this.#place = new Int32Array(halves).fill(-1);
  }

  /** Makes room for more nodes and halves. */
  resize(nodes: number, halves: number): void {
    this.start = grown(this.start, nodes, 0);
    this.count = grown(this.count, nodes, 0);
    this.#room = grown(this.#room, nodes, 0);
    this.#place = grown(this.#place, halves, -1);
  }

  has(half: number): boolean {
    return this.#place[half]! >= 0;
  }

  /** Adds a half that is in no row. */
  add(node: number, half: number): void {
    const length = this.count[node]!;
    if (length === this.#room[node]) this.#move(node, Math.max(LEAST_ROOM, 2 * length));
    this.pool[this.start[node]! + length] = half;
    this.#place[half] = length;
    this.count[node] = length + 1;
  }

  remove(node: number, half: number): void {
    const place = this.#place[half]!;
    if (place < 0) return;
    const last = this.count[node]! - 1;
    const moved = this.pool[this.start[node]! + last]!;
    this.pool[this.start[node]! + place] = moved;
    this.#place[moved] = place;
    this.#place[half] = -1;
    this.count[node] = last;
  }

  #move(node: number, room: number): void {
    if (this.#end + room > this.pool.length) {
      if (2 * this.#waste > this.#end) this.#pack();
      if (this.#end + room > this.pool.length) this.pool = grown(this.pool, 2 * this.pool.length + room, 0);
    }
    const from = this.start[node]!;
    this.pool.copyWithin(this.#end, from, from + this.count[node]!);
    this.#waste += this.#room[node]!;
    this.start[node] = this.#end;
    this.#room[node] = room;
    this.#end += room;
  }

  #pack(): void {
    const packed = new Int32Array(this.pool.length);
    let end = 0;
    for (let node = 0; node < this.start.length; node++) {
      const from = this.start[node]!;
      packed.set(this.pool.subarray(from, from + this.count[node]!), end);
      this.start[node] = end;
      end += this.#room[node]!;
    }
    this.pool = packed;
    this.#end = end;
    this.#waste = 0;
  }
}

export function grown<T extends Int32Array | Float64Array>(array: T, length: number, fill: number): T {
  if (array.length >= length) return array;
  const kind = array.constructor as new (length: number) => T;
  const larger = new kind(length);
  larger.set(array);
  larger.fill(fill, array.length);
  return larger;
}
