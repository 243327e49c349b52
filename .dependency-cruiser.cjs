/** Arrows allowed between the top-level folders; anything else is an error. */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'evaluators-are-pure',
      severity: 'error',
      from: { path: '^evaluators/' },
      to: { pathNot: '^(evaluators|node_modules)/' }
    },
    {
      name: 'registry-knows-no-server',
      severity: 'error',
      from: { path: '^registry/' },
      to: { path: '^(server|models|evaluators)/' }
    },
    {
      name: 'models-know-no-rollouts',
      severity: 'error',
      from: { path: '^models/' },
      to: { path: '^(server|registry|evaluators)/' }
    },
    {
      name: 'nothing-imports-scripts-or-tests',
      severity: 'error',
      from: { path: '^(server|models|registry|evaluators)/' },
      to: { path: '^(scripts|test)/' }
    }
  ],
  options: { tsConfig: { fileName: 'tsconfig.json' }, tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' } }
}
