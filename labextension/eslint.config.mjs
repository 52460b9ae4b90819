/**
 * What `jlpm lint:check` holds: the strict rules of typescript-eslint with types, JupyterLab's own
 * rules, a few of ours. Formatting is prettier's matter.
 */
import eslint from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Return JupyterLab's recommended rules for our files, each as an error. */
function jupyterRules() {
  return jupyter.configs.recommended
    .filter(config => !config.files.some(name => name.includes('.spec.')))
    .map(config => ({
      ...config,
      rules: Object.fromEntries(
        Object.keys(config.rules).map(name => [name, 'error'])
      )
    }));
}

/** A rule: everything that a module exports says what it is. */
const documentedExports = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: { missing: 'An export needs a JSDoc comment.' }
  },
  create(context) {
    const source = context.sourceCode;
    const check = node => {
      const inNamespace = node.parent.type === 'TSModuleBlock';
      const isDocumented = source
        .getCommentsBefore(node)
        .some(({ type, value }) => type === 'Block' && value.startsWith('*'));
      if (!inNamespace && !isDocumented) {
        context.report({ node, messageId: 'missing' });
      }
    };
    return {
      'ExportNamedDeclaration[declaration]': check,
      ExportDefaultDeclaration: check
    };
  }
};

export default tseslint.config(
  { ignores: ['lib', 'node_modules', '.yarn', '*.config.*'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { plugins: { jupyter } },
  ...jupyterRules(),
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    extends: [
      eslint.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      reactHooks.configs['recommended-latest']
    ],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname
      }
    },
    plugins: {
      kernelpipe: { rules: { 'documented-exports': documentedExports } }
    },
    rules: {
      'kernelpipe/documented-exports': 'error',
      // The whole bundle is small; what is seldom needed (the graph) is loaded late by hand.
      'jupyter/prefer-lazy-imports': 'off',
      'react-hooks/exhaustive-deps': 'error',
      'max-lines': [
        'error',
        { max: 400, skipBlankLines: true, skipComments: true }
      ],
      'no-console': 'error',
      curly: 'error',
      eqeqeq: 'error',
      'prefer-arrow-callback': 'error',

      // Jupyter's customs: interfaces begin with I, private members with an underscore.
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        },
        {
          selector: 'memberLike',
          modifiers: ['private'],
          format: ['camelCase'],
          leadingUnderscore: 'require'
        },
        { selector: ['class', 'typeAlias'], format: ['PascalCase'] }
      ],
      // A token's interface and value share one name; commands live in a namespace.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-redeclare': 'off',
      // Lumino's signals carry void, its promises are started with `void`.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Numbers are safe in texts and class names.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true }
      ],
      // Index signatures say what their keys are; brackets tell such keys from properties.
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // Things change while one awaits: `isDisposed` is worth a second look.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // JupyterLab's widgets come from its factories, typed by their bases.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // JupyterLab is at React 18, where `JSX` is global.
      '@typescript-eslint/no-deprecated': ['error', { allow: ['JSX'] }],
      // A method bound by `connect(slot, this)` is fine: jupyter/prefer-signal-this-arg looks at it.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }
      ]
    }
  }
);
