/** The files for operators fit the daemon: they name only what exists. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exposed, type Exposed, exprProblems } from './metrics.js';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(resolve(ROOT, path), 'utf8');

let shown: Exposed;
beforeAll(async () => {
  shown = await exposed();
});

describe('the check of expressions', () => {
  it.each([
    ['manifold_held_msta', /no metric manifold_held_msta/],
    ['sum(manifold_held_msat', /brackets/],
    ['sum by (node) (manifold_held_msat)', /no label node/],
    ['manifold_held_msat{node="a"}', /no label node/],
    ['manifold_held_msat_bucket', /no histogram/],
    ['manifold_alarms_total > 0', /without rate/],
  ])('finds %s wrong', (expr, says) => {
    expect(exprProblems(expr, shown).join()).toMatch(says);
  });

  it('finds a good one good', () => {
    expect(
      exprProblems('histogram_quantile(0.5, sum by (le) (rate(manifold_forward_seconds_bucket[5m])))', shown),
    ).toEqual([]);
  });
});

describe('alert rules', () => {
  interface Rule {
    readonly [key: string]: string;
  }

  /** The file has one value per line, so that this much of YAML is enough. */
  function rulesOf(text: string): Rule[] {
    const rules: Record<string, string>[] = [];
    text.split('\n').forEach((line, i) => {
      if (line.trim() === '' || line.startsWith('#')) return;
      const [, indent, dash, key, value] = /^( *)(- )?(\w+):(?: (.+))?$/.exec(line) ?? [];
      expect(key, `line ${i + 1} is not key: value`).toBeDefined();
      expect((indent!.length + (dash ? 2 : 0)) % 2, `line ${i + 1} is indented by an odd number`).toBe(0);
      if (value !== undefined) expect(plainProblem(value), `line ${i + 1}`).toBeUndefined();
      if (key === 'alert') rules.push({});
      if (rules.length > 0 && value !== undefined && key !== 'name') rules.at(-1)![key!] = value;
    });
    return rules;
  }

  function plainProblem(value: string): string | undefined {
    if (/^'(?:[^']|'')*'$/.test(value)) return undefined;
    return /^[-?:,[\]{}#&*!|>'"%@`]|: | #/.test(value) ? 'this value needs quotes' : undefined;
  }

  it('name metrics that exist, say how bad it is, and what to do', async () => {
    const rules = rulesOf(await read('ops/prometheus-alerts.yml'));
    expect(rules.length).toBeGreaterThan(12);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const rule of rules) {
      const { alert, expr, severity, summary, action } = rule;
      expect(exprProblems(expr!, shown), alert).toEqual([]);
      expect(rule['for'], alert).toMatch(/^\d+[sm]$/);
      expect(['critical', 'warning'], alert).toContain(severity);
      expect(summary!.length, alert).toBeGreaterThan(10);
      expect(action!.length, alert).toBeGreaterThan(20);
      const labels = [...(summary! + action!).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      if (!expr!.startsWith('up{')) for (const label of labels) expect(expr, alert).toContain(label);
    }
  });

  it('name label values that exist', async () => {
    const text = await read('ops/prometheus-alerts.yml');
    for (const [, action] of text.matchAll(/action="([^"]+)"/g)) expect(shown.text).toContain(`action="${action!}"`);
    for (const [command] of text.matchAll(/(?<=`)manifold [a-z]+/g))
      expect([
        'manifold nodes',
        'manifold doctor',
        'manifold invoice',
        'manifold events',
        'manifold webhook',
        'manifold payments',
      ]).toContain(command);
  });
});

describe('the dashboard', () => {
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly datasource?: { readonly uid: string };
    readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
  }

  it('can be imported and names metrics that exist', async () => {
    const dashboard = JSON.parse(await read('ops/grafana-dashboard.json')) as {
      readonly __inputs: readonly { readonly name: string }[];
      readonly uid: string;
      readonly title: string;
      readonly schemaVersion: number;
      readonly templating: { readonly list: readonly { readonly definition: string }[] };
      readonly panels: readonly Panel[];
    };
    expect(dashboard).toMatchObject({
      id: null,
      title: 'Manifold',
      uid: expect.stringMatching(/^[\w-]{1,40}$/) as unknown,
    });
    expect(dashboard.__inputs.map(({ name }) => name)).toEqual(['DS_PROMETHEUS']);
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { type, title, gridPos, datasource, targets = [] } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      if (type === 'row') continue;
      expect(datasource!.uid, title).toBe('${DS_PROMETHEUS}');
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr } of targets) expect(exprProblems(expr, shown), `${title}: ${expr}`).toEqual([]);
    }
    for (const { definition } of dashboard.templating.list)
      expect(shown.kinds.has(/^label_values\((\w+), \w+\)$/.exec(definition)![1]!)).toBe(true);
    const overlap = panels.flatMap((a, i) =>
      panels.slice(i + 1).filter((b) => {
        const [p, q] = [a.gridPos, b.gridPos];
        return p.x < q.x + q.w && q.x < p.x + p.w && p.y < q.y + q.h && q.y < p.y + p.h;
      }),
    );
    expect(overlap.map(({ title }) => title)).toEqual([]);
  });
});

describe('the page for operators', () => {
  it('lists every metric, and no other', async () => {
    const page = await read('docs/operating.md');
    const listed = new Set([...page.matchAll(/^\| `(manifold_\w+)`/gm)].map(([, name]) => name!));
    const ours = [...shown.kinds.keys()].filter((name) => name.startsWith('manifold_'));
    expect([...listed].sort()).toEqual(ours.sort());
  });
});

describe('the systemd unit', () => {
  const SECTIONS: Readonly<Record<string, RegExp>> = {
    Unit: /^(Description|Documentation|Wants|After|StartLimitIntervalSec)$/,
    Service:
      /^(Type|User|Group|StateDirectory(Mode)?|WorkingDirectory|ExecStart|Environment(File)?|LoadCredential|Restart(Sec|PreventExitStatus)?|Kill(Signal|Mode)|Timeout(Start|Stop)Sec|LimitNOFILE|OOMScoreAdjust|NoNewPrivileges|Protect\w+|Private\w+|RemoveIPC|Restrict\w+|LockPersonality|CapabilityBoundingSet|AmbientCapabilities|SystemCall\w+|UMask)$/,
    Install: /^WantedBy$/,
  };

  async function unit(): Promise<(readonly [section: string, key: string, value: string])[]> {
    let section = '';
    const entries: (readonly [string, string, string])[] = [];
    for (const line of (await read('ops/manifold.service')).split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const header = /^\[(\w+)\]$/.exec(line)?.[1];
      if (header !== undefined) section = header;
      else {
        const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
        expect(key, line).toMatch(SECTIONS[section]!);
        entries.push([section, key!, value!]);
      }
    }
    return entries;
  }

  const valueOf = (entries: readonly (readonly [string, string, string])[], wanted: string): string | undefined =>
    entries.find(([, key]) => key === wanted)?.[2];

  it('runs the daemon, starts it again after a failure, and not after a mistake', async () => {
    const entries = await unit();
    expect(new Set(entries.map(([section]) => section))).toEqual(new Set(Object.keys(SECTIONS)));
    expect(valueOf(entries, 'ExecStart')).toMatch(/manifold start --config /);
    expect(valueOf(entries, 'Restart')).toBe('on-failure');
    expect(valueOf(entries, 'RestartPreventExitStatus')).toBe('2');
    const patience = Number(/STOP_PATIENCE_MS = ([\d_]+);/.exec(await read('src/cli/start.ts'))![1]!.replace(/_/g, ''));
    expect(Number(valueOf(entries, 'TimeoutStopSec')) * 1000).toBeGreaterThan(patience);
  });

  it('gives it no more than it needs', async () => {
    const entries = await unit();
    for (const [key, value] of [
      ['NoNewPrivileges', 'yes'],
      ['ProtectSystem', 'strict'],
      ['ProtectHome', 'yes'],
      ['CapabilityBoundingSet', ''],
      ['UMask', '0077'],
      ['StateDirectoryMode', '0700'],
    ] as const)
      expect(valueOf(entries, key), key).toBe(value);
    // JavaScript engines write what they execute.
    expect(valueOf(entries, 'MemoryDenyWriteExecute')).toBeUndefined();
  });

  it('passes the secrets that it names', async () => {
    const entries = await unit();
    const passed = entries.filter(([, key]) => key === 'LoadCredential').map(([, , value]) => value.split(':')[0]);
    const named = entries.flatMap(([, key, value]) =>
      key === 'Environment' ? [...(/%d\/(\S+)/.exec(value) ?? [])].slice(1) : [],
    );
    expect(named).toEqual(['passphrase']);
    for (const name of named) expect(passed).toContain(name);
    for (const [, key, value] of entries) if (key === 'Environment') expect(value).toMatch(/^MANIFOLD_\w+_FILE=%d\//);
  });
});
