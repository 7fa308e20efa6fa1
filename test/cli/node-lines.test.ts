import { describe, expect, it } from 'vitest';
import { nodeLines } from '../../src/cli/node-lines.js';

const NODE = {
  name: 'alice',
  state: 'live',
  health: 'good',
  owner: 'shop-1',
  served_here: true,
  height: 850_000,
  lag_blocks: 0,
  held_htlcs: 2,
  held_msat: '5000000',
  blocks_left: 31,
  receivable_msat: '9000000',
  node_id: '02aa',
  alarms: [],
};

describe('manifold nodes', () => {
  it('shows who serves what, what is held, and what is to be done', () => {
    const lines = nodeLines({
      phantom_node_id: '03ff',
      nodes: [
        NODE,
        {
          ...NODE,
          name: 'bob',
          state: 'waiting',
          reason: 'no route',
          owner: undefined,
          served_here: false,
          held_htlcs: 0,
          blocks_left: undefined,
        },
        {
          ...NODE,
          name: 'carol',
          state: 'standby',
          reason: 'served by shop-2',
          owner: 'shop-2',
          served_here: false,
          held_htlcs: 1,
          alarms: [
            { code: 'settle-unconfirmed', message: 'look\u001b[31m', since: 'then', payment_hash: 'ab', htlc_id: '4' },
          ],
        },
      ],
      elsewhere: [{ node_id: '02dd', owner: 'shop-3', height: 1, lag_blocks: 4, held_htlcs: 9_999, alarms: [] }],
      imported: [{ node_id: '02ee' }],
      sending: {
        ready: true,
        graph: { channels: 12, nodes: 5, loaded: false },
        payments_in_flight: 2,
        in_flight_msat: '3000000',
        nodes: [
          { name: 'alice', spendable_msat: '7000000', reachable: true },
          { name: 'bob', spendable_msat: '7000000', reachable: false },
        ],
      },
    });
    expect(lines).toContain('paying        graph: 12 channels, still loading; in flight: 2 payment(s), 3000 sat out');
    const cells = lines.map((line) => line.split(/ {2,}/));
    expect(cells).toContainEqual([
      'alice',
      'live',
      'shop-1 (this daemon)',
      '850000',
      '0',
      '9000 sat',
      '7000 sat',
      '2 HTLCs, 5000 sat',
      '31',
      '02aa',
    ]);
    expect(cells).toContainEqual(['bob', 'waiting', '-', '850000', '0', '9000 sat', 'away', '0 HTLCs', '-', '02aa']);
    expect(cells).toContainEqual([
      'carol',
      'standby',
      'shop-2',
      '850000',
      '0',
      '9000 sat',
      '-',
      '1 HTLC, 5000 sat',
      '31',
      '02aa',
    ]);
    expect(cells).toContainEqual(['-', 'elsewhere', 'shop-3', '1', '4', '-', '-', '9999 HTLCs', '-', '02dd']);
    expect(cells).toContainEqual(['imported', '02ee']);
    expect(cells).toContainEqual(['bob', 'waiting', 'no route']);
    expect(cells).toContainEqual([
      'carol',
      'alarm settle-unconfirmed',
      'look\ufffd[31m (since then, payment ab, HTLC 4)',
    ]);
    expect(lines.join('\n')).not.toContain('served by');
  });

  it('adds nothing where nothing is wrong, and reads an older daemon', () => {
    const { alarms: _alarms, owner: _owner, served_here: _here, lag_blocks: _lag, ...older } = NODE;
    const lines = nodeLines({ phantom_node_id: '03ff', nodes: [older], imported: [] });
    expect(lines).toHaveLength(4);
  });
});
