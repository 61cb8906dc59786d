/**
 * The layers of docs/architecture.md, enforced: an arrow may point down only, and nothing goes in circles.
 * test/unit/layers.test.ts plants one wrong arrow of every kind and sees each of them found.
 */

/** Every layer of src/ with its files, and the layers below that it may import. What is not named is forbidden. */
const LAYERS = {
  worker: { files: '^src/worker\\.ts$', below: ['http', 'objects'] },
  http: {
    files: '^src/http/',
    below: ['registry', 'objects', 'notifications', 'auth', 'storage', 'observability', 'config', 'oci'],
  },
  registry: {
    files: '^src/registry/',
    below: ['objects', 'notifications', 'auth', 'storage', 'observability', 'config', 'oci'],
  },
  objects: { files: '^src/objects/', below: ['notifications', 'auth', 'storage', 'observability', 'config', 'oci'] },
  notifications: { files: '^src/notifications/', below: ['auth', 'config', 'oci'] },
  auth: { files: '^src/auth/', below: ['config', 'oci'] },
  storage: { files: '^src/storage/', below: ['observability', 'oci'] },
  observability: { files: '^src/observability/', below: [] },
  config: { files: '^src/config\\.ts$', below: ['oci'] },
  oci: { files: '^src/oci/', below: [] },
};

const downwards = Object.entries(LAYERS).map(([name, { files, below }]) => ({
  name: `${name}-points-down`,
  comment: `${name} may import itself and, of src/, only: ${below.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: files },
  to: { path: '^src/', pathNot: [files, ...below.map((layer) => LAYERS[layer].files)] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...downwards,
    {
      name: 'every-file-has-a-layer',
      comment: 'A new folder of src/ needs its place in the table above and in docs/architecture.md.',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.values(LAYERS).map(({ files }) => files) },
      to: {},
    },
    {
      name: 'oci-is-pure',
      comment: 'The language of the specifications knows valibot and itself: no HTTP, no Cloudflare, no Node.',
      severity: 'error',
      from: { path: LAYERS.oci.files },
      to: { path: '.', pathNot: ['^src/', '^node_modules/valibot/'] },
    },
    {
      name: 'src-stands-alone',
      comment: 'The Worker knows nothing of the programs and tests around it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^[^/]+', pathNot: ['^src/', '^node_modules/', '^cloudflare:'], dependencyTypesNot: ['core'] },
    },
    {
      name: 'copy-speaks-http',
      comment: 'The copy knows registries from outside: of src/ it takes the language of the specifications alone.',
      severity: 'error',
      from: { path: '^tools/copy/' },
      to: { path: ['^src/', '^(tools|scripts|bench|test)/'], pathNot: ['^src/oci/', '^tools/(copy|registry)/'] },
    },
    {
      name: 'doctor-speaks-http',
      comment: 'So does the doctor; what it shares with the copy is in tools/registry/.',
      severity: 'error',
      from: { path: '^tools/doctor/' },
      to: { path: ['^src/', '^(tools|scripts|bench|test)/'], pathNot: ['^src/oci/', '^tools/(doctor|registry)/'] },
    },
    {
      name: 'registry-client-serves-tools',
      comment: 'How a registry is asked knows none of the tools that ask.',
      severity: 'error',
      from: { path: '^tools/registry/' },
      to: { path: ['^src/', '^(tools|scripts|bench|test)/'], pathNot: ['^src/oci/', '^tools/registry/'] },
    },
    {
      name: 'src-ships-no-dev-dependency',
      comment: 'What is deployed is listed under dependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'tools-stand-alone',
      comment: 'A tool is a program beside the registry: no other program is built on it.',
      severity: 'error',
      from: { path: '^(src|standalone|scripts|bench|examples)/' },
      to: { path: '^tools/' },
    },
    {
      name: 'tools-know-no-registry',
      comment: 'Of the Worker a tool knows the language of the specifications alone: it talks to a registry over HTTP.',
      severity: 'error',
      from: { path: '^tools/' },
      to: { path: '^src/', pathNot: LAYERS.oci.files },
    },
    {
      name: 'no-cycles',
      comment: 'Types included: who needs the type of an importer takes it from the bindings (src/objects/stubs.ts).',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nobody imports this file and it imports nobody.',
      severity: 'error',
      from: { orphan: true, path: '^(src|standalone|tools)/', pathNot: ['^src/worker\\.ts$', '\\.json$'] },
      to: {},
    },
    {
      name: 'imports-resolve',
      comment: 'The file or package is not there.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^cloudflare:' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules'] },
    // Types count too: a layer that names a type of the layer above depends on it.
    tsPreCompilationDeps: true,
    skipAnalysisNotInRules: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
