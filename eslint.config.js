/**
 * Lint: the strictest rules of typescript-eslint that need types, and the project's own conventions (CONTRIBUTING.md).
 * Formatting is prettier's, the direction between layers is dependency-cruiser's, unused code is knip's.
 */
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** A file past this is two files. */
const MAX_LINES = 400;

/** Files whose tools want a default export. */
const DEFAULT_EXPORTS = ['src/worker.ts', 'test/workers/worker.ts', '*.config.ts', '*.config.js', 'bench/**/worker.ts'];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: only a Worker entry and configuration files have a default export.',
};
const noNamespaceOfEverything = {
  selector: 'ExportAllDeclaration[exported=null]',
  message: 'Name what is exported.',
};

export default defineConfig(
  globalIgnores(['.berth/', '.wrangler/', 'dist/', 'worker-configuration.d.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-assertions': [
        'error',
        { assertionStyle: 'as', objectLiteralTypeAssertions: 'never', arrayLiteralTypeAssertions: 'never' },
      ],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unsafe-type-assertion': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true, caughtErrors: 'all' },
      ],
      // An interface is opened again by whoever declares it twice; both forms have their place.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // The compiler asks for these brackets (noPropertyAccessFromIndexSignature).
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // `async` without `await` turns a throw into a rejection, which is often the point.
      '@typescript-eslint/require-await': 'off',
      // Numbers read well in a message and can't be confused with anything.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `while (true)` with a way out is clearer than a flag.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  {
    files: ['**/*.{ts,js,mjs,cjs}'],
    rules: {
      // `== null` asks for null and undefined alike, as SQL's rows and optional fields mix them.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', MAX_LINES],
      'no-restricted-syntax': ['error', noDefaultExport, noNamespaceOfEverything],
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: DEFAULT_EXPORTS,
    rules: { 'no-restricted-syntax': ['error', noNamespaceOfEverything] },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'Settings come from the environment that the Worker is handed (src/config.ts).' },
        { name: 'Buffer', message: 'Bytes are Uint8Array; text is coded by TextEncoder and TextDecoder.' },
        { name: '__dirname', message: 'There are no files in workerd.' },
        { name: 'require', message: 'Modules are imported.' },
      ],
    },
  },
  {
    files: ['src/oci/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['process', 'Buffer', 'fetch', 'caches', 'crypto', 'Request', 'Response', 'Headers', 'Env'].map((name) => ({
          name,
          message: 'src/oci/ is pure: it knows neither HTTP nor the runtime.',
        })),
      ],
    },
  },
);
