import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText } from '../../src/daemon/decode.js';
import { BIN, run } from './support.js';

interface Case {
  readonly valid: boolean;
  readonly invoice: string;
  readonly fields?: Record<string, unknown>;
}

const { cases } = JSON.parse(readFileSync(new URL('../vectors/bolt11.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};

const GOOD =
  'lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql';

const parsed = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('manifold decode', () => {
  it('reads one invoice for people and for programs', async () => {
    const [people, program] = await Promise.all([
      run(['decode', GOOD]),
      run(['decode', `lightning:${GOOD}`, '--json']),
    ]);
    expect(people).toMatchObject({ code: 0, stderr: '' });
    expect(people.stdout).toMatch(/^network +bitcoin$/m);
    expect(people.stdout).toMatch(/^features +var_onion_optin \(8, required\), payment_secret \(14, required\)$/m);
    expect(people.stdout).toMatch(/^description +Please consider supporting this project$/m);
    expect(program.code).toBe(0);
    const [answer] = parsed(program.stdout);
    expect(answer).toMatchObject({ input: `lightning:${GOOD}`, type: 'bolt11', valid: true });
    expect(answer!['fields']).toMatchObject(cases.find(({ invoice }) => invoice === GOOD)!.fields!);
  });

  it('answers the published examples as they are published', async () => {
    const { stdout } = await run(['decode', '-'], {}, cases.map(({ invoice }) => invoice).join('\n'));
    const answers = parsed(stdout);
    expect(answers.map(({ valid }) => valid)).toEqual(cases.map(({ valid }) => valid));
    cases.forEach(({ fields }, i) => {
      if (fields) expect(answers[i]!['fields']).toMatchObject(fields);
    });
  });

  it('refuses with exit code 1 and says where', async () => {
    const [people, program, usage] = await Promise.all([
      run(['decode', GOOD.replace('pvj', 'pvb')]),
      run(['decode', '--json', 'lnurl1xyz']),
      run(['decode']),
    ]);
    expect(people).toMatchObject({ code: 1, stdout: '' });
    expect(people.stderr).toMatch(/^manifold: not a valid invoice.*\n$/);
    expect(program).toMatchObject({ code: 1, stderr: '' });
    expect(parsed(program.stdout)).toEqual([
      { input: 'lnurl1xyz', valid: false, error: { code: 'unsupported_type', message: expect.any(String) as unknown } },
    ]);
    expect(usage.code).toBe(2);
  });

  it('answers every line of standard input with one object, whatever it holds', async () => {
    const lines = fc
      .sample(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 100 }).map((text) => text.replace(/[\r\n]/g, '')),
          fc.constantFrom(GOOD, GOOD.toUpperCase(), GOOD.slice(0, -1), `  ${GOOD}  `, '{"a":1}', '__proto__', '\u2028'),
          fc.nat({ max: GOOD.length - 1 }).map((at) => GOOD.slice(0, at) + 'q' + GOOD.slice(at + 1)),
        ),
        { numRuns: 2_000, seed: 7 },
      )
      .map((text) => text.replace(/\p{Surrogate}/gu, '?'));
    if (lines.at(-1) === '') lines.pop(); // an end of line ends the last line, it begins none
    const { code, stdout, stderr } = await run(['decode', '-'], {}, lines.join('\n'));
    expect([code, stderr]).toEqual([0, '']);
    const answers = parsed(stdout);
    expect(answers.map(({ input }) => input)).toEqual(lines);
    expect(answers.filter(({ valid }) => valid === true).length).toBeGreaterThan(100);
    for (const { valid, error } of answers)
      if (valid === false) expect((error as { code: string }).code).toMatch(/^[a-z0-9_]+$/);
  });

  it('counts the place of an error in the line as it was given', () => {
    const bad = GOOD.replace('pvj', 'pvb');
    const at = bad.indexOf('pvb') + 2;
    const place = (input: string): number | undefined => {
      const decoded = decodeText(input);
      return decoded.valid ? -1 : decoded.error.position;
    };
    expect(place(bad)).toBe(at);
    for (const before of ['  ', 'lightning:', ' \tLIGHTNING://', 'bitcoin:x?amount=1&lightning='])
      expect(place(`${before}${bad} `), before).toBe(before.length + at);
    expect(place(`lightning:${bad}?a=lightning:l`)).toBe(10 + at);
    expect(place(`bitcoin:x?lightning=lightning:${bad}&y=1`)).toBe(30 + at);
    expect(place(`bitcoin:x?lightning=%6c${bad.slice(1)}`)).toBeUndefined();
  });

  it('answers blank lines too', async () => {
    const { code, stdout } = await run(['decode', '-'], {}, `\n${GOOD}\n  \n\n`);
    const blank = { valid: false, error: { code: 'empty', message: expect.any(String) as unknown } };
    expect(code).toBe(0);
    expect(parsed(stdout)).toEqual([
      { input: '', ...blank },
      expect.objectContaining({ input: GOOD, valid: true }),
      { input: '  ', ...blank },
      { input: '', ...blank },
    ]);
    expect((await run(['decode', '-'], {}, '')).stdout).toBe('');
  });

  it('takes bytes that are no text, line ends of Windows, and no line end at the end', async () => {
    const input = Buffer.concat([Buffer.from([0xff, 0xfe, 0x00, 0x0a]), Buffer.from(`${GOOD}\r\n\r\n${GOOD}`)]);
    const { code, stdout } = await run(['decode', '-'], {}, input);
    expect(code).toBe(0);
    expect(parsed(stdout).map(({ valid }) => valid)).toEqual([false, true, false, true]);
  });

  it('keeps little of a line without end, and of many lines', async () => {
    const child = spawn(process.execPath, ['--max-old-space-size=80', BIN, 'decode', '-']);
    let answers = 0;
    let last = '';
    child.stdout.on('data', (chunk: Buffer) => {
      answers += chunk.toString().split('\n').length - 1;
      last = chunk.toString();
    });
    const closed = once(child, 'close');
    const piece = Buffer.alloc(1_000_000, 'a');
    for (let i = 0; i < 300; i++) if (!child.stdin.write(piece)) await once(child.stdin, 'drain');
    child.stdin.write('\n');
    for (let i = 0; i < 100; i++) if (!child.stdin.write(`${GOOD}\n`.repeat(100))) await once(child.stdin, 'drain');
    child.stdin.end();
    expect((await closed)[0]).toBe(0);
    expect(answers).toBe(10_001);
    expect(last).toContain('"valid":true');
  });
});
