import { describe, expect, it } from 'vitest';
import {
  farRoutes,
  type MessageGraph,
  type MessageRoute,
  nearRoutes,
  otherEnd,
  resolveFirstNode,
  type RoutingMember,
} from '../../src/messages/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { u32 } from '../../src/wire/integers.js';
import type { NodeId } from '../../src/wire/units.js';

/** Ids need not be points here: the search only compares them. */
const id = (n: number): NodeId => Uint8Array.of(2, ...new Uint8Array(28), ...u32(n));
const numberOf = (node: NodeId): number => new DataView(node.buffer, node.byteOffset).getUint32(29);

class Graph implements MessageGraph {
  readonly #next = new Map<string, NodeId[]>();
  readonly dialable = new Set<string>();
  asked = 0;

  constructor(edges: readonly (readonly [number, number])[]) {
    for (const [a, b] of edges) {
      this.#add(a, b);
      this.#add(b, a);
    }
  }

  #add(from: number, to: number): void {
    const key = toHex(id(from));
    const list = this.#next.get(key) ?? [];
    this.#next.set(key, list);
    list.push(id(to));
  }

  *neighbours(node: NodeId): Iterable<NodeId> {
    for (const next of this.#next.get(toHex(node)) ?? []) {
      this.asked++;
      yield next;
    }
  }

  endsOf(scid: bigint): readonly [NodeId, NodeId] | undefined {
    return scid === 7n ? [id(1), id(2)] : undefined;
  }

  canDial(node: NodeId): boolean {
    return this.dialable.has(toHex(node));
  }
}

function member(name: string, self: number, peers: readonly number[]): RoutingMember {
  const keys = new Set(peers.map((peer) => toHex(id(peer))));
  return { name, nodeId: id(self), isConnected: (peer) => keys.has(toHex(peer)), peers: () => peers.map(id) };
}

const findRoutes: typeof farRoutes = (target, members, graph, limits) => [
  ...nearRoutes(target, members, graph),
  ...farRoutes(target, members, graph, limits),
];

const shown = (routes: readonly MessageRoute[]): string[] =>
  routes.map(({ member: { name }, leadIn, dial }) =>
    [name, ...leadIn.map(numberOf), ...(dial ? ['dial'] : [])].join(' '),
  );

/** 1 – 2 – 3 – 4 – 5 – 6, and 2 – 10 – 4. */
const LINE = [
  [1, 2],
  [2, 3],
  [3, 4],
  [4, 5],
  [5, 6],
  [2, 10],
  [10, 4],
] as const;

describe('routes', () => {
  const [a, b] = [member('a', 100, [6]), member('b', 101, [6, 3])];

  it.each([
    ['a peer of both', 6, [a, b], ['a', 'b', 'b 3 4 5']],
    ['a peer of one', 3, [a, b], ['b', 'a 6 5 4']],
    ['over relays, the shortest first', 2, [a, b], ['b 3', 'a 6 5 4 10']],
    ['farther than five hops', 1, [a], []],
    ['five hops', 2, [a], ['a 6 5 4 3']],
    ['nobody knows it', 50, [a, b], []],
    ['no members', 6, [], []],
  ] as const)('%s', (_, target, members, expected) => {
    expect(shown(findRoutes(id(target), members, new Graph(LINE)))).toEqual(expected);
  });

  it('prefer a peer to a dial, and a dial to relays', () => {
    const graph = new Graph(LINE);
    graph.dialable.add(toHex(id(2))).add(toHex(id(3)));
    expect(shown(findRoutes(id(3), [a, b], graph))[0]).toBe('b');
    expect(shown(findRoutes(id(2), [a, b], graph))).toEqual(['a dial', 'b dial', 'b 3', 'a 6 5 4 10']);
    graph.dialable.add(toHex(id(50)));
    expect(shown(findRoutes(id(50), [b], graph))).toEqual(['b dial']);
  });

  it('to a member itself lead over another member, or over a peer of its own that relays', () => {
    const graph = new Graph(LINE);
    graph.dialable.add(toHex(id(100)));
    const own = member('own', 100, [60, 5, 6]);
    expect(shown(findRoutes(id(100), [own], graph))).toEqual(['own 5', 'own 6']);
    const other = member('other', 101, [100]);
    expect(shown(findRoutes(id(100), [own, other], graph))).toEqual(['other', 'own 5', 'own 6']);
  });

  it('do not count on channels of members that are not connected', () => {
    // 100 is a member next to the target, but not connected to it now.
    const graph = new Graph([...LINE, [100, 1]]);
    expect(shown(findRoutes(id(1), [a, member('c', 102, [100])], graph))).toEqual([]);
  });

  it('are found within bounds, however large the graph', () => {
    const star = new Graph(Array.from({ length: 8_000 }, (_, i) => [1, i + 2] as const));
    expect(findRoutes(id(1), [a], star)).toHaveLength(1);
    star.asked = 0;
    expect(findRoutes(id(1), [member('far', 100, [90_000])], star)).toEqual([]);
    expect(star.asked).toBeLessThanOrEqual(3001);
    const everyone = Array.from({ length: 150 }, (_, i) => i + 1);
    const clique = new Graph(everyone.flatMap((i) => everyone.filter((j) => j > i).map((j) => [i, j] as const)));
    expect(findRoutes(id(1), [member('far', 1000, [90_000])], clique)).toEqual([]);
    expect(clique.asked).toBeLessThanOrEqual(3001);
    expect(findRoutes(id(1), [member('hub', 100, [2, 3, 4, 5, 6, 7])], star)).toHaveLength(4);
    expect(findRoutes(id(1), [member('hub', 100, [2, 3, 4])], star, { maxRoutes: 2 })).toHaveLength(2);
  });
});

describe('nodes named by a channel', () => {
  const graph = new Graph([]);

  it('are its ends', () => {
    const first = (direction: 0 | 1, shortChannelId = 7n): NodeId | undefined =>
      resolveFirstNode({ shortChannelId, direction }, graph);
    expect([first(0), first(1), first(0, 8n)]).toEqual([id(1), id(2), undefined]);
    expect(resolveFirstNode({ nodeId: id(9) }, graph)).toEqual(id(9));
  });

  it('are the end that is not ours', () => {
    expect([id(1), id(2), id(3)].map((node) => otherEnd(node, 7n, graph))).toEqual([id(2), id(1), undefined]);
    expect(otherEnd(id(1), 8n, graph)).toBeUndefined();
  });
});
