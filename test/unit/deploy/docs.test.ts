/** docs/nginx.md and docs/service.md against the files of deploy/ that they explain. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parsePolicy } from '../../../src/auth/policy-document.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const nginxPage = read('docs/nginx.md');
const servicePage = read('docs/service.md');
const directives = read('deploy/nginx/berth.conf')
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => /^[a-z_]+ .*;$/.test(line));

it('explains every line of the nginx file', () => {
  expect(directives.length).toBeGreaterThan(15);
  const [, table = ''] = /^## Line by line\n([\s\S]*?)^## /m.exec(nginxPage) ?? [];
  for (const line of directives) {
    const [directive = '', header = ''] = line.split(/[ ;]/);
    const isElsewhere = ['server', 'server_name', 'ssl_certificate', 'ssl_certificate_key', 'proxy_pass'];
    if (isElsewhere.includes(directive)) continue;
    expect(table, line).toContain(directive === 'proxy_set_header' ? header : directive);
  }
});

it('replaces whatever a client sends under the names that the proxy vouches for', () => {
  for (const name of [
    'X-Berth-User',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Forwarded-For',
    'Host',
    'Authorization',
  ])
    expect(
      directives.filter((line) => line.startsWith(`proxy_set_header ${name} `)),
      name,
    ).toHaveLength(1);
  expect(directives).toContain('include /etc/nginx/berth/secret.conf;');
});

it('has a policy in it that is one', () => {
  const [, example = ''] = /^```json\n([\s\S]*?)^```/m.exec(nginxPage) ?? [];
  expect(parsePolicy(example)).toMatchObject({ ok: true });
});

it('ends in a service that knows its secret and its policy, and says what has to be there before', () => {
  const [, steps = ''] = /^## Setting it up\n([\s\S]*?)^## /m.exec(nginxPage) ?? [];
  expect(steps.indexOf('service.md#systemd')).toBeLessThan(steps.indexOf('/etc/berth/environment'));
  expect(steps).toContain('echo BERTH_POLICY=/etc/berth/policy.json >> /etc/berth/environment');
  expect(steps.indexOf('systemctl restart berth')).toBeGreaterThan(steps.indexOf('"rules"'));
  expect(steps).not.toContain('npm start');
});

it('checks the settings as the user and with the environment of the unit', () => {
  const unit = read('deploy/berth.service');
  const [, line = ''] = /^(systemd-run (?:.*\\\n)*.*)$/m.exec(servicePage) ?? [];
  for (const key of ['User', 'WorkingDirectory', 'Environment', 'EnvironmentFile']) {
    const values = [...unit.matchAll(new RegExp(`^${key}=.*$`, 'gm'))].map(([found]) => found);
    expect(values.length, key).toBeGreaterThan(0);
    for (const value of values) expect(line).toContain(`-p ${value} `);
  }
});

it('runs a container with what the compose file gives one', () => {
  const compose = read('deploy/compose.yaml');
  const [, line = ''] = /^(docker run (?:.*\\\n)*.*)$/m.exec(servicePage) ?? [];
  for (const [key, words] of [
    ['init: true', '--init'],
    ['restart: unless-stopped', '--restart unless-stopped'],
    ['stop_grace_period: 5m', '--stop-timeout 300'],
    ['read_only: true', '--read-only'],
    ['tmpfs: [/tmp]', '--tmpfs /tmp'],
    ['cap_drop: [ALL]', '--cap-drop all'],
    ["security_opt: ['no-new-privileges:true']", '--security-opt no-new-privileges'],
    ['ulimits: { nofile: 65536 }', '--ulimit nofile=65536'],
    ['logging: { driver: local }', '--log-driver local'],
  ] as const) {
    expect(compose).toContain(key);
    expect(line).toContain(`${words} `);
  }
});

it('explains what the unit has that is no bound', () => {
  const explained = /^\[Service\]\n([\s\S]*?)^LimitNOFILE/m.exec(read('deploy/berth.service'))?.[1] ?? '';
  const keys = [...explained.matchAll(/^([A-Z]\w+)=/gm)].map(([, key = '']) => key);
  expect(keys.length).toBeGreaterThan(8);
  const plain = [
    'Type',
    'Group',
    'WorkingDirectory',
    'StateDirectoryMode',
    'RuntimeDirectoryMode',
    'Environment',
    'RestartSec',
  ];
  for (const key of keys.filter((one) => !plain.includes(one))) expect(servicePage, key).toContain(`\`${key}=`);
});
