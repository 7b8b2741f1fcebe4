import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

// The layers of docs/architecture.md: apps → services → stores → formats, and one order among services.
const layers = [
  { sourceTag: 'layer:formats', onlyDependOnLibsWithTags: ['layer:formats'] },
  { sourceTag: 'layer:testing', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'layer:stores', onlyDependOnLibsWithTags: ['layer:stores', 'layer:formats'] },
  {
    sourceTag: 'layer:services',
    onlyDependOnLibsWithTags: ['layer:services', 'layer:stores', 'layer:formats', 'layer:client'],
  },
  { sourceTag: 'layer:client', onlyDependOnLibsWithTags: ['layer:formats'] },
  {
    sourceTag: 'layer:apps',
    onlyDependOnLibsWithTags: ['layer:services', 'layer:stores', 'layer:formats', 'layer:client'],
  },
  {
    sourceTag: 'service:graphql',
    notDependOnLibsWithTags: ['layer:testing'],
  },
  {
    sourceTag: 'service:federation',
    notDependOnLibsWithTags: ['service:graphql'],
  },
  ...['catalog', 'registry', 'ledger', 'access'].map((service, index, inOrder) => ({
    sourceTag: `service:${service}`,
    notDependOnLibsWithTags: [
      'service:graphql',
      'service:federation',
      // Only a federated service reads another organisation's gateway, as that one's users do.
      'layer:client',
      ...inOrder.slice(0, index).map((above) => `service:${above}`),
    ],
  })),
];

// What libs/formats may reach for: no clock, no environment, no I/O. node:crypto and buffers are pure.
const impureNodeModules = [
  'fs',
  'fs/promises',
  'http',
  'https',
  'net',
  'os',
  'path',
  'process',
  'child_process',
  'timers',
  'dns',
].flatMap((name) => [name, `node:${name}`]);

export default tseslint.config(
  {
    ignores: [
      'node_modules/**',
      '.nx/**',
      '.dockchains/**',
      'libs/stores/database/generated/**',
      'bench/results/**',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          depConstraints: layers,
          // Started before anything is installed, so that it cannot be a package.
          allow: ['../../infra/ports.mjs', '../../infra/postgres.mjs'],
          enforceBuildableLibDependency: false,
          banTransitiveDependencies: true,
        },
      ],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Use named exports.' },
      ],
    },
  },
  {
    files: ['libs/formats/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': ['error', { paths: impureNodeModules }],
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch', 'performance'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now' },
        { object: 'Math', property: 'random' },
      ],
    },
  },
  {
    files: [
      '**/*.test.ts',
      'libs/*/*/**/testing/**/*.ts',
      'test/**/*.ts',
      'bench/**/*.ts',
      '*.config.ts',
      'infra/**/*.ts',
    ],
    rules: { '@nx/enforce-module-boundaries': 'off', 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        AbortController: 'readonly',
        Buffer: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
        performance: 'readonly',
      },
    },
  },
);
