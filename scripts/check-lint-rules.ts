/** Shows that the lint rules the project relies on do catch what they are there for. */
import { resolve } from 'node:path';
import { ESLint } from 'eslint';

const ROOT = resolve(import.meta.dirname, '..');

interface Control {
  readonly rule: string;
  /** Where the text pretends to stand; the folder decides which rules hold. The file must not exist. */
  readonly file: string;
  readonly text: string;
}

const MUST_BE_REPORTED: readonly Control[] = [
  { rule: '@typescript-eslint/no-floating-promises', file: 'src/daemon', text: 'Promise.resolve(1);' },
  {
    rule: '@typescript-eslint/no-misused-promises',
    file: 'src/daemon',
    text: 'export const start = () => setTimeout(async () => { await Promise.resolve(); }, 1);',
  },
  {
    rule: '@typescript-eslint/await-thenable',
    file: 'src/daemon',
    text: 'export async function f() { await 5; }',
  },
  {
    rule: '@typescript-eslint/switch-exhaustiveness-check',
    file: 'src/receive',
    text: "export function f(x: 'a' | 'b') { switch (x) { case 'a': return 1; } return 2; }",
  },
  {
    rule: '@typescript-eslint/no-explicit-any',
    file: 'src/wire',
    text: 'export const f = (x: any): number => Number(x);',
  },
  {
    rule: '@typescript-eslint/no-unsafe-assignment',
    file: 'src/wire',
    text: "export const x: string = JSON.parse('1');",
  },
  {
    rule: '@typescript-eslint/consistent-type-imports',
    file: 'src/wire',
    text: "import { Msat } from './units.js';\nexport const zero: Msat = 0n;",
  },
  { rule: '@typescript-eslint/ban-ts-comment', file: 'src/wire', text: '// @ts-ignore\nexport const x = 1;' },
  { rule: 'no-restricted-syntax', file: 'src/daemon', text: 'export default 1;' },
  { rule: 'no-restricted-syntax', file: 'src/wire', text: "export * from './units.js';" },
  { rule: 'no-restricted-syntax', file: 'src/send', text: 'export const f = () => Date.now();' },
  { rule: 'no-restricted-syntax', file: 'src/send', text: 'export const f = () => new Date();' },
  { rule: 'no-restricted-syntax', file: 'src/phantom', text: 'export const f = () => Math.random();' },
  {
    rule: 'no-restricted-syntax',
    file: 'test/wire',
    text: "import { it } from 'vitest';\nit.skip('x', () => undefined);",
  },
  { rule: 'no-console', file: 'src/daemon', text: "console.log('x');" },
  { rule: 'max-lines', file: 'src/wire', text: '// one line\n'.repeat(501) },
  { rule: 'eqeqeq', file: 'src/wire', text: 'export const f = (a: number, b: number) => a == b;' },
];

/** Text that has to pass, so that a rule that reports everything cannot hide behind the controls above. */
const MUST_PASS: readonly Omit<Control, 'rule'>[] = [
  { file: 'src/wire', text: 'export const f = (a: number, b: bigint): string => `${a} ${b}`;\n' },
  { file: 'src/daemon', text: 'export const now = (): number => Date.now();\n' },
  { file: 'src/cli', text: "export const f = (): void => console.log('x');\n" },
  { file: 'test/wire', text: 'export const first = (bytes: Uint8Array): number => bytes[0]!;\n' },
];

const NAME = 'lint-control.ts';

const eslint = new ESLint({
  cwd: ROOT,
  overrideConfig: {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ['src/*/lint-control.ts', 'test/*/lint-control.ts'],
          defaultProject: 'tsconfig.json',
          maximumDefaultProjectFileMatchCount_THIS_WILL_SLOW_DOWN_LINTING: 50,
        },
        tsconfigRootDir: ROOT,
      },
    },
  },
});

async function rulesBrokenBy({ file, text }: Omit<Control, 'rule'>): Promise<string[]> {
  const results = await eslint.lintText(text, { filePath: `${ROOT}/${file}/${NAME}` });
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => ruleId ?? message));
}

const problems: string[] = [];
for (const control of MUST_BE_REPORTED) {
  const broken = await rulesBrokenBy(control);
  if (!broken.includes(control.rule)) {
    problems.push(
      `${control.rule} did not report in ${control.file}: ${control.text} (reported: ${broken.join(', ')})`,
    );
  }
}
for (const sample of MUST_PASS) {
  const broken = await rulesBrokenBy(sample);
  if (broken.length > 0) problems.push(`${broken.join(', ')} reported clean text in ${sample.file}: ${sample.text}`);
}

for (const problem of problems) console.error(`lint controls: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
else console.log(`lint controls: ${MUST_BE_REPORTED.length} rules shown to fail, ${MUST_PASS.length} clean texts pass`);
