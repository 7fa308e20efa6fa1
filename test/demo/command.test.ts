/** `manifold demo` as a user meets it: flags, output, exit codes. */
import { describe, expect, it } from 'vitest';
import { demo, type DemoFlags } from '../../src/demo/command.js';
import { listed, Narrator, sats } from '../../src/demo/narrator.js';
import type { Scenario } from '../../src/demo/scenario.js';
import { runDemo, startDemo } from './child.js';

const fails: Scenario = {
  name: 'fails',
  title: 'does not hold',
  time: 'virtual',
  run: () => Promise.reject(new Error('on purpose')),
};
const missing: Scenario = {
  name: 'missing',
  title: 'needs more',
  time: 'real',
  missing: async () => 'a package is not installed',
  run: async () => ({}),
};
const holds: Scenario = { name: 'holds', title: 'is fine', time: 'virtual', run: async () => ({ node: 'alpha' }) };

class Text {
  text = '';
  write(text: string): void {
    this.text += text;
  }
}

async function run(flags: DemoFlags, scenarios: readonly Scenario[]) {
  const [stdout, stderr] = [new Text(), new Text()];
  const { signal } = new AbortController();
  const code = await demo(flags, { stdout, stderr, colour: false, signal, scenarios });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

describe('manifold demo --once', () => {
  it('prints one JSON object and nothing else', async () => {
    const { code, stdout, stderr } = await run({ once: true, json: true, seed: '9' }, [holds]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.endsWith('}\n')).toBe(true);
    const report = JSON.parse(stdout) as { scenarios: { ms: number }[] };
    const [{ ms }] = report.scenarios as [{ ms: number }];
    expect(report).toEqual({
      ok: true,
      seed: 9,
      scenarios: [{ name: 'holds', ok: true, ms, detail: { node: 'alpha' } }],
    });
  });

  it('has no port', async () => {
    for (const flags of [{ once: true }, { json: true }, { scenario: 'holds' }, { api: false }]) {
      const { code, stderr } = await run({ ...flags, port: '1234' }, [holds]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/--port/)]);
    }
  });

  it('counts one scenario as one', async () => {
    expect((await run({ once: true }, [holds])).stdout).toMatch(/^Manifold demo: 1 scenario, seed 1$/m);
    expect((await run({ once: true }, [holds, fails])).stdout).toMatch(/2 scenarios/);
  });

  it('exits with 1 when a scenario fails, and says which and why', async () => {
    const json = await run({ once: true, json: true }, [fails, holds]);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      seed: 1,
      scenarios: [
        { name: 'fails', ok: false, detail: { error: 'on purpose' } },
        { name: 'holds', ok: true },
      ],
    });
    const table = await run({ once: true }, [fails, holds]);
    expect(table.code).toBe(1);
    expect(table.stdout).toMatch(/✗ fails .*does not hold\n    on purpose\n  ✓ holds .*is fine\n1 of 2 hold/);
  });

  it('exits with 2 and the names for an unknown scenario', async () => {
    const { code, stdout, stderr } = await run({ once: true, json: true, scenario: 'holds,nonsense' }, [holds, fails]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('manifold demo: there is no scenario nonsense; there are\n  holds\n  fails\n');
    expect((await run({ scenario: '' }, [holds])).code).toBe(2);
  });

  it('exits with 2 for a seed that is no number', async () => {
    for (const seed of ['x', '-1', '1.5', '', '99999999999999999']) {
      const { code, stdout, stderr } = await run({ once: true, seed }, [holds]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`not "${seed}"`);
    }
  });

  it('exits with 2 for a port that is none', async () => {
    for (const port of ['x', '65536', '-1', '']) {
      const { code, stdout, stderr } = await run({ port }, [holds]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`not "${port}"`);
    }
  });

  it('runs only what is named, in the order of the catalogue', async () => {
    const { stdout } = await run({ json: true, scenario: 'holds, fails' }, [fails, missing, holds]);
    const { scenarios } = JSON.parse(stdout) as { scenarios: { name: string }[] };
    expect(scenarios.map(({ name }) => name)).toEqual(['fails', 'holds']);
  });

  it('leaves out what cannot run here, with a note; by name it fails', async () => {
    const all = await run({ once: true, json: true }, [missing, holds]);
    expect(all).toMatchObject({ code: 0, stderr: 'manifold demo: missing is left out: a package is not installed\n' });
    expect(JSON.parse(all.stdout)).toMatchObject({ ok: true, scenarios: [{ name: 'holds' }] });
    const named = await run({ once: true, json: true, scenario: 'missing' }, [missing, holds]);
    expect(named.code).toBe(1);
    expect(JSON.parse(named.stdout)).toMatchObject({
      scenarios: [{ ok: false, detail: { error: 'a package is not installed' } }],
    });
  });
});

describe('the words', () => {
  it('write amounts in satoshi with separators', () => {
    expect(sats(1_234_567_000n)).toBe('1,234,567 sat');
    expect(sats(999n)).toBe('0.999 sat');
    expect(sats(1_500n)).toBe('1.5 sat');
    expect(listed([])).toBe('');
    expect(listed(['a'])).toBe('a');
    expect(listed(['a', 'b', 'c'])).toBe('a, b and c');
  });

  it('have colours only where asked for', () => {
    const [plain, coloured] = [new Text(), new Text()];
    new Narrator(plain, false).good('paid');
    new Narrator(coloured, true).good('paid');
    expect(plain.text).toBe('   ✓ paid\n');
    expect(coloured.text).toContain('\u001b[32m');
  });
});

describe('the program', () => {
  it('prints the same bytes for the same seed, and nothing but JSON on stdout', async () => {
    const args = ['--once', '--json', '--seed', '5', '--scenario', 'phantom-single,phantom-crash-recovery'];
    const [first, again] = await Promise.all([runDemo(...args), runDemo(...args)]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(again).toEqual(first);
    expect(first.stdout.split('\n')).toHaveLength(2);
    expect(JSON.parse(first.stdout)).toMatchObject({
      ok: true,
      seed: 5,
      scenarios: [{ name: 'phantom-single' }, { name: 'phantom-crash-recovery' }],
    });
  });

  it('exits with 2 for an unknown scenario', async () => {
    const outcome = await runDemo('--once', '--json', '--scenario', 'phantom-nothing');
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('phantom-underpaid-refused');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends the story within a second on %s', async (signal) => {
    const { child, said, outcome } = startDemo('--seed', '3', '--port', '0');
    await said('arrive at');
    const sentAt = performance.now();
    child.kill(signal);
    const { code, stdout, stderr } = await outcome;
    expect(performance.now() - sentAt).toBeLessThan(1_000);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\nStopped\.\n$/);
    expect(stdout).toContain('Seed 3');
    expect(stdout).toMatch(/HTTP API: http:\/\/127\.0\.0\.1:\d+/);
    expect(stdout).not.toContain('\u001b');
  });

  it('ends quietly when nobody reads any more', async () => {
    const { child, said, outcome } = startDemo('--seed', '3', '--port', '0');
    await said('Seed 3');
    child.stdout.destroy();
    expect(await outcome).toMatchObject({ code: 0, stderr: '' });
  });
});
