/** Lint rules. Type-aware for every TypeScript file; a warning counts as an error. */
import tseslint from 'typescript-eslint';

const PURE_LAYERS = [
  'wire',
  'crypto',
  'onion',
  'bolt11',
  'bolt12',
  'bip353',
  'phantom',
  'messages',
  'receive',
  'send',
  'offline',
];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export has no name to search for.',
};
const noDefaultReExport = {
  selector: 'ExportSpecifier[exported.name="default"]',
  message: 'Export by name: a default export has no name to search for.',
};
const noStarReExport = {
  selector: 'ExportAllDeclaration',
  message: 'List what an entry point exports: a star makes every internal name public.',
};
const noClockOrChance = [
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Take the time as an argument.',
  },
  {
    selector: 'CallExpression[callee.object.name=/^(Date|performance)$/][callee.property.name="now"]',
    message: 'Take the time as an argument.',
  },
  {
    selector: 'CallExpression[callee.object.name="Math"][callee.property.name="random"]',
    message: 'Take randomness as an argument, or use randomBytes where it has to be secret.',
  },
];
const noSwitchedOffTest = {
  selector: 'MemberExpression[object.name=/^(it|test|describe|suite)$/][property.name=/^(only|skip|todo)$/]',
  message: 'A test runs or does not exist.',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'test/vectors/', 'test/data/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: false, skipComments: false }],
      'no-constant-binary-expression': 'error',
      'no-control-regex': 'error',
      'no-duplicate-case': 'error',
      'no-empty': 'error',
      'no-eval': 'error',
      'no-fallthrough': 'error',
      'no-irregular-whitespace': 'error',
      'no-restricted-syntax': ['error', noDefaultExport, noDefaultReExport],
      'no-self-assign': 'error',
      'no-sparse-arrays': 'error',
      'no-unreachable': 'error',
      'no-unsafe-finally': 'error',
      'no-useless-escape': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'use-isnan': 'error',
      'valid-typeof': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      // Splitting a text by code point is what a codec wants.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      // Index reads proven in range are the point of `!` here; the compiler checks the unproven ones.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Ports are asynchronous by their interface, whether or not one implementation has to wait.
      '@typescript-eslint/require-await': 'off',
      // A caller-named type of parsed JSON is used once by design.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['src/**/index.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, noDefaultReExport, noStarReExport] },
  },
  {
    files: PURE_LAYERS.map((layer) => `src/${layer}/**/*.ts`),
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport, noDefaultReExport, noStarReExport, ...noClockOrChance],
    },
  },
  {
    // The wall clock itself.
    files: ['src/receive/clock.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, noDefaultReExport, noStarReExport] },
  },
  {
    files: ['src/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport, noDefaultReExport, noSwitchedOffTest],
      // Alphabets are spread into letters; the rule knows `string` as harmless, not a constant's literal type.
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  {
    // Tools that demand a default export of their configuration.
    files: ['**/*.config.{js,ts}'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
