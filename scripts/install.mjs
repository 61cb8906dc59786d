/**
 * Installs what package-lock.json says, if that is not what node_modules holds, and returns in a few milliseconds if it
 * is. Runs before any package is there: on Node 20, with nothing but Node. Ends with code 1 and one line when it can't.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;

/** Ports that this script may listen on to keep others waiting: outside what systems hand out by themselves. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;
/** Where another program has the port, the next is tried; everybody tries in the same order. */
const PORT_ATTEMPTS = 16;
const MOST_REFUSALS = 100;
/** A program that accepts and says nothing is not this script. */
const GREETING_PATIENCE_MS = 2_000;
const PARENT_CHECK_MS = 500;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lockFile = join(root, 'package-lock.json');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.berth-installed');
/** The project's own Node, which all commands run on. */
const ownNode = join(modules, '.bin', 'node');

if (Number(process.versions.node.split('.', 1)[0]) < OLDEST_NODE)
  fail(`Node ${process.versions.node} is too old to begin with. Install Node ${OLDEST_NODE} or newer.`);

const wanted = fingerprint();
if (!isInstalled()) {
  const release = await exclusive();
  // Another start may have installed while this one waited.
  if (!isInstalled()) await install();
  release();
}

function fingerprint() {
  const content = read(lockFile);
  if (content === undefined) fail(`${lockFile} is missing. Restore it: git checkout package-lock.json`);
  // Some packages are binaries, and a checkout may be shared by machines that differ.
  return `${createHash('sha256').update(content).digest('hex')} ${process.platform}-${process.arch}\n`;
}

function isInstalled() {
  if (!existsSync(ownNode)) return false;
  if (read(stamp) === wanted) return true;
  if (!matchesLock()) return false;
  // Installed by hand, by `npm ci` or `npm install`: as good as by this script.
  writeFileSync(stamp, wanted);
  return true;
}

/** npm writes down what it has installed; it has to be every package of the lock, at its version. */
function matchesLock() {
  const installed = packagesOf(join(modules, '.package-lock.json'));
  const locked = packagesOf(lockFile);
  if (installed === undefined || locked === undefined) return false;
  return Object.entries(locked).every(([path, entry]) => {
    // The project itself.
    if (path === '') return true;
    const there = installed[path];
    if (there === undefined) return entry.optional === true && !isForHere(entry);
    return there.version === entry.version && there.integrity === entry.integrity;
  });
}

/** Of the packages that are binaries for one platform each, this platform's is needed. */
function isForHere({ os = [], cpu = [], libc }) {
  if (!os.includes(process.platform) || !cpu.includes(process.arch)) return false;
  return libc === undefined || libc.includes(hostLibc());
}

/** As npm finds it out: Linux has one of two, and only glibc tells a version. */
function hostLibc() {
  // Without it the report looks up the names of all connections.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function install() {
  say('Installing the packages (npm ci), which takes a minute or so the first time …');
  // npm tells its scripts where it is and which Node runs it; that Node is not the one that is about to be replaced.
  const npm = process.env.npm_execpath;
  const node = process.env.npm_node_execpath ?? process.execPath;
  const [command, first] = npm === undefined ? ['npm', []] : [node, [npm]];
  // Miniflare and wrangler are development dependencies, also where NODE_ENV is production.
  const options = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  // stdout is the log's.
  const child = spawn(command, [...first, ...options], { cwd: root, stdio: ['ignore', 2, 2] });
  endWithParent(child);
  const outcome = await new Promise((settle) => {
    child.once('error', (error) => settle(error.code === 'ENOENT' ? 'npm was not found' : error.message));
    child.once('exit', (code, signal) =>
      settle(code === 0 ? undefined : `npm ci ended with ${signal ?? `code ${code}`}`),
    );
  });
  if (outcome !== undefined)
    fail(`The packages could not be installed: ${outcome}. What it said is above; put that right and start again.`);
  if (!existsSync(ownNode))
    fail(
      `npm ci left out ${ownNode}, probably since npm's ignore-scripts is on. Start again with npm_config_ignore_scripts=false in the environment.`,
    );
  writeFileSync(stamp, wanted);
}

/** A signal for npm alone ends the shell that we run in, and not us. */
function endWithParent(child) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid === parent) return;
    child.kill('SIGTERM');
    process.exit(1);
  }, PARENT_CHECK_MS).unref();
}

/**
 * Waits until no other copy of this script works on this checkout. The lock is a listening port on loopback, chosen by
 * the checkout's path: a file in node_modules would be deleted by `npm ci`, and any file outlives a process that is
 * killed. Who finds the port taken connects and is told when it becomes free, by the connection's end.
 */
async function exclusive() {
  const greeting = `berth install ${createHash('sha256').update(root).digest('hex')}\n`;
  const start = createHash('sha256').update(greeting).digest().readUInt32BE();
  let refusals = 0;
  for (let attempt = 0; attempt < PORT_ATTEMPTS;) {
    const port = FIRST_PORT + ((start + attempt) % PORTS);
    const release = await listen(port, greeting);
    if (release !== undefined) return release;
    const found = await waitFor(port, greeting);
    // Refused means that its holder ended in between; for ever refused, that the port is taken without being served.
    if (found === 'refused') refusals += 1;
    if (found === 'other' || refusals > MOST_REFUSALS) {
      attempt += 1;
      refusals = 0;
    }
  }
  fail(
    `No port between ${FIRST_PORT} and ${FIRST_PORT + PORTS} is free, and installing needs one. Run npm ci, then start again.`,
  );
}

function listen(port, greeting) {
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on('error', () => {});
    socket.write(greeting);
  });
  return new Promise((settle) => {
    server.once('error', () => settle(undefined));
    server.listen(port, '127.0.0.1', () =>
      settle(() => {
        server.close();
        for (const socket of waiting) socket.destroy();
      }),
    );
  });
}

/** Answers 'ended' once another copy that held the port has ended, and 'other' if something else holds it. */
function waitFor(port, greeting) {
  return new Promise((settle) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8');
    socket.setTimeout(GREETING_PATIENCE_MS, () => socket.destroy());
    socket.on('data', (text) => {
      heard += text;
      if (heard !== greeting) return;
      socket.setTimeout(0);
      say('Another start is installing the packages; waiting for it …');
    });
    socket.on('error', (error) => settle(error.code === 'ECONNREFUSED' ? 'refused' : 'other'));
    socket.on('close', () => settle(heard === greeting ? 'ended' : 'other'));
  });
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
