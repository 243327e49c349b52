import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'
import jsdoc from 'eslint-plugin-jsdoc'

export default [
  ...neostandard({ ts: true, ignores: ['dist/**', 'coverage/**'] }),
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin, jsdoc },
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      'max-lines-per-function': ['error', { max: 70, skipComments: true, skipBlankLines: true }],
      'max-len': ['error', { code: 120, ignoreUrls: true, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true }],
      'jsdoc/require-jsdoc': ['error', { publicOnly: true, contexts: ['ExportNamedDeclaration > FunctionDeclaration'] }]
    }
  },
  { files: ['test/**'], rules: { 'max-lines-per-function': 'off', 'jsdoc/require-jsdoc': 'off', 'max-len': 'off' } },
  { files: ['scripts/**'], rules: { 'jsdoc/require-jsdoc': 'off' } },
  {
    files: ['evaluators/**', 'registry/**/machine.ts', 'server/routing/**', 'server/rollouts/plan.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'fetch', 'setTimeout', 'setInterval', 'console'],
      'no-restricted-properties': ['error',
        { object: 'Date', property: 'now' }, { object: 'Math', property: 'random' }, { object: 'performance', property: 'now' }],
      'no-restricted-syntax': ['error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'take the time as an argument' }]
    }
  }
]
