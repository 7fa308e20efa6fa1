import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Narrator } from '../../src/demo/narrator.js';
import { wrapWords } from '../../src/demo/wrap.js';

describe('wrapping', () => {
  it('loses no word, and only words that are too long are wider than the terminal', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1 }),
        fc.integer({ min: 20, max: 80 }),
        (words, width) => {
          const lines = wrapWords(words.join(' '), width);
          expect(lines.join(' ')).toBe(words.join(' '));
          for (const line of lines) expect(line.length <= width || !line.includes(' ')).toBe(true);
        },
      ),
    );
  });

  it('leaves lines alone where there is no terminal or it is very narrow', () => {
    const text = 'word '.repeat(50).trim();
    expect(wrapWords(text, undefined)).toEqual([text]);
    expect(wrapWords(text, 10)).toEqual([text]);
  });
});

describe('the narrator on a terminal', () => {
  function told(tell: (narrator: Narrator) => void, colour = false): string[] {
    let text = '';
    const output = { columns: 40, write: (more: string) => (text += more) };
    tell(new Narrator(output, colour));
    return text.split('\n').slice(0, -1);
  }

  it('breaks lines between words, under the words above', () => {
    const words = 'the sum is there, but beta could not be paid now, so Manifold waits';
    expect(told((narrator) => narrator.trouble(words))).toEqual([
      '   ! the sum is there, but beta could',
      '     not be paid now, so Manifold waits',
    ]);
    for (const line of told((narrator) => narrator.chapter(words))) expect(line.length).toBeLessThanOrEqual(40);
  });

  it('does not count colours, and colours every line', () => {
    const words = 'one two three four five six seven eight nine ten';
    const plain = told((narrator) => narrator.good(words));
    const coloured = told((narrator) => narrator.good(words), true);
    // eslint-disable-next-line no-control-regex -- colours are what is looked for
    expect(coloured.map((line) => line.replace(/\u001b\[\d+m/g, ''))).toEqual(plain);
    expect(coloured.every((line) => line.includes('\u001b[32m'))).toBe(true);
  });

  it('never breaks what is to be copied', () => {
    const command = 'export MANIFOLD_API=http://127.0.0.1:9740 MANIFOLD_TOKEN=mft_0123456789';
    expect(told((narrator) => narrator.command(command))).toEqual([`   ${command}`]);
  });
});
