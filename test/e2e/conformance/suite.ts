/**
 * The official conformance suite of the distribution specification (opencontainers/distribution-spec, conformance/), run
 * as it is against a registry, and its report read into one line a case.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Password } from '../clients/client.ts';

/** Two requests more for each of over a thousand, on a machine that does other things too. */
const RUN_LIMIT_MS = 400_000;
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Everything that the suite can ask for; its README names the switches. */
const EVERYTHING = [
  'OCI_API_BLOBS_DIGEST_HEADER',
  'OCI_API_BLOBS_MOUNT_ANONYMOUS',
  'OCI_API_BLOBS_UPLOAD_CANCEL',
  'OCI_API_MANIFESTS_DIGEST_HEADER',
  'OCI_API_MANIFESTS_TAG_PARAM',
  'OCI_API_REFERRER',
  ...['ARTIFACT', 'ARTIFACT_LIST', 'CUSTOM_FIELDS', 'DATA_FIELD', 'EMPTY_BLOB', 'IMAGE', 'INDEX', 'INDEX_LIST'],
  ...['NONDISTRIBUTABLE', 'NO_LAYERS', 'SHA512', 'SUBJECT', 'SUBJECT_LIST', 'SUBJECT_MISSING'],
].map((name) => (name.startsWith('OCI_') ? name : `OCI_DATA_${name}`));

export interface ConformanceCase {
  /** As the suite has it, from the top: `OCI Conformance Test/sha256 blobs/…`. */
  readonly name: string;
  /** Pass, Skip, FAIL, Error, Disabled or Unknown. */
  readonly status: string;
  /** What the suite says of it. */
  readonly said: readonly string[];
}

export interface ConformanceOptions {
  /** `host:port`, spoken to by plain HTTP. */
  readonly registry: string;
  readonly version: '1.1' | 'dev';
  /** Whether the registry takes manifests that refer to what it does not have. */
  readonly sparse: boolean;
  /** Who signs in, where the registry asks who comes. */
  readonly person?: Password;
  /**
   * Whether it asks who it is with each request anew. Else it goes on with the token that it got for its first upload to a
   * repository, which is too narrow for a mount from another one.
   */
  readonly asksAnew?: boolean;
}

/** Runs the suite with every switch on. Throws when it did not come to its report. */
export async function runConformance(program: string, options: ConformanceOptions): Promise<ConformanceCase[]> {
  const results = await mkdtemp(join(tmpdir(), 'berth-conformance-'));
  const env = {
    ...Object.fromEntries(EVERYTHING.map((name) => [name, 'true'])),
    OCI_DATA_SPARSE: String(options.sparse),
    OCI_REGISTRY: options.registry,
    OCI_TLS: 'disabled',
    OCI_VERSION: options.version,
    OCI_RESULTS_DIR: results,
    HOME: results,
    OCI_USERNAME: options.person?.name ?? '',
    OCI_PASSWORD: options.person?.password ?? '',
    OCI_CACHE_AUTH: String(options.asksAnew !== true),
  };
  try {
    return readReport(await outputOf(program, env, results));
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}

/** All that the suite prints. It ends with code 1 when a case failed, and says all the same which. */
function outputOf(program: string, env: Record<string, string>, cwd: string): Promise<string> {
  const options = { env, cwd, timeout: RUN_LIMIT_MS, maxBuffer: MOST_OUTPUT_BYTES, encoding: 'utf8' } as const;
  return new Promise((resolve, reject) => {
    execFile(program, options, (error, stdout, stderr) => {
      if (stdout.includes(REPORT_ENDS)) resolve(stdout);
      else reject(new Error(`the suite came to no report: ${stderr.slice(-2_000)}`, { cause: error }));
    });
  });
}

const REPORT_BEGINS = 'Test results\n';
const REPORT_ENDS = '\nConfiguration:\n';
const CASE = /^( *)(\S.*): (Pass|Skip|FAIL|Error|Disabled|Unknown)$/;
const INDENT = 2;

/** The leaves of the tree that the suite prints. */
function readReport(output: string): ConformanceCase[] {
  const report = output.slice(output.indexOf(REPORT_BEGINS) + REPORT_BEGINS.length, output.indexOf(REPORT_ENDS));
  const cases: (ConformanceCase & { said: string[]; depth: number })[] = [];
  for (const line of report.split('\n')) {
    const [whole, indent = '', name = '', status = ''] = CASE.exec(line) ?? [];
    if (whole === undefined) {
      if (line.trim() !== '') cases.at(-1)?.said.push(line.trim());
      continue;
    }
    const depth = indent.length / INDENT;
    // What has children is no case itself.
    if ((cases.at(-1)?.depth ?? depth) < depth) cases.pop();
    cases.push({ name, status, said: [], depth });
  }
  return cases.map(({ name, status, said }) => ({ name, status, said }));
}
