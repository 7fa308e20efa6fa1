/** A binary heap of node indexes by a key, with decrease-key. Reused between searches without allocation. */
export class NodeHeap {
  #nodes: Int32Array;
  #keys: Float64Array;
  /** Place in the heap, -1 if not in it. */
  #place: Int32Array;
  #size = 0;

  constructor(nodes: number) {
    this.#nodes = new Int32Array(nodes);
    this.#keys = new Float64Array(nodes);
    this.#place = new Int32Array(nodes).fill(-1);
  }

  get size(): number {
    return this.#size;
  }

  /** The smallest key; only if not empty. */
  get least(): number {
    return this.#keys[0]!;
  }

  /** Inserts the node, or moves it up if the key is smaller than its key now. */
  push(node: number, key: number): void {
    let at = this.#place[node]!;
    if (at < 0) at = this.#size++;
    else if (key >= this.#keys[at]!) return;
    const nodes = this.#nodes;
    const keys = this.#keys;
    const place = this.#place;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      nodes[at] = nodes[parent]!;
      place[nodes[at]!] = at;
      at = parent;
    }
    keys[at] = key;
    nodes[at] = node;
    place[node] = at;
  }

  /** Takes out the node with the smallest key; only if not empty. */
  pop(): number {
    const nodes = this.#nodes;
    const keys = this.#keys;
    const place = this.#place;
    const top = nodes[0]!;
    place[top] = -1;
    const size = --this.#size;
    if (size === 0) return top;
    const node = nodes[size]!;
    const key = keys[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[at] = keys[child]!;
      nodes[at] = nodes[child]!;
      place[nodes[at]!] = at;
      at = child;
    }
    keys[at] = key;
    nodes[at] = node;
    place[node] = at;
    return top;
  }

  clear(): void {
    for (let i = 0; i < this.#size; i++) this.#place[this.#nodes[i]!] = -1;
    this.#size = 0;
  }
}
