// A drill on hosts of a cluster that stands already (tasuki-chaos --hosts). Three hosts
// are namespaces, each with a supervisor of its own and an SSH server (dropbear, which
// installs as a program alone) with keys of its own; the drill reaches them by ssh.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const { TASUKI_CHAOS: program, TASUKI_BIN_DIR: bin, TASUKI_ROOT: root } = process.env;
const dir = join(bin, 'drills', 'hosts');
const NS = `tsk-hosts-${process.pid}`; // the operator's machine; hosts are NS-1 ...
const IDS = [1, 2, 3];
const REGIONS = ['tokyo', 'osaka', 'fukuoka'];
const address = (id) => `10.88.0.${10 + id}`;
const children = [];

const sh = (...argv) => execFileSync(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
const inside = (ns, ...argv) => ['ip', 'netns', 'exec', ns, ...argv];

function network() {
  const ip = (line) => sh('ip', ...line.split(' '));
  ip(`netns add ${NS}`);
  ip(`-n ${NS} link set lo up`);
  ip(`-n ${NS} link add br0 type bridge`);
  ip(`-n ${NS} addr add 10.88.0.1/24 dev br0`);
  ip(`-n ${NS} link set br0 up`);
  for (const id of IDS) {
    ip(`netns add ${NS}-${id}`);
    ip(`-n ${NS} link add host${id} type veth peer name eth0 netns ${NS}-${id}`);
    ip(`-n ${NS} link set host${id} master br0 up`);
    ip(`-n ${NS}-${id} link set lo up`);
    ip(`-n ${NS}-${id} addr add ${address(id)}/24 dev eth0`);
    ip(`-n ${NS}-${id} link set eth0 up`);
  }
}

// `systemctl start|stop|kill` of the one service of a host, for what the drill says.
const SYSTEMCTL = `#!/bin/sh
# usage: systemctl start|stop|kill [--signal=S] SERVICE
HOST_DIR=@DIR HOST_BIN=${bin}
pid() { cat "$HOST_DIR/pid" 2>/dev/null; }
case $1 in
start)
  kill -0 "$(pid)" 2>/dev/null && exit 0
  options=$(cat "$HOST_DIR/options")
  setsid "$HOST_BIN/tasukid" --config "$HOST_DIR/node.conf" $options >>"$HOST_DIR/log" 2>&1 </dev/null &
  echo $! >"$HOST_DIR/pid"
  : >"$HOST_DIR/options"
  ;;
stop)
  p=$(pid)
  kill -TERM "$p" 2>/dev/null || exit 0
  i=0
  while kill -0 "$p" 2>/dev/null && [ $i -lt 150 ]; do sleep 0.1; i=$((i + 1)); done
  ;;
kill) kill -"\${2#--signal=}" "$(pid)" ;;
esac
`;
// What a host is: a home for root with the key that may come in, its own systemctl. The
// mounts are of the namespace that ip netns exec makes.
const HOST = `#!/bin/sh
set -e
mount --bind @DIR/passwd /etc/passwd
mount --bind @DIR/systemctl /usr/bin/systemctl
exec dropbear -F -E -s -j -k -r @DIR/host.key -P @DIR/dropbear.pid -p @ADDRESS:22
`;
const SSH = `#!/bin/sh
# ssh as it is, and what it was asked for.
echo "$1: $2" >>${dir}/ssh.log
exec ssh -F ${dir}/ssh_config "$@"
`;

function keys() {
  const id = join(dir, 'id');
  sh('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'drill', '-f', id);
  const known = IDS.map((n) => {
    const host = join(dir, `host-${n}`);
    const said = sh('dropbearkey', '-t', 'ed25519', '-f', join(host, 'host.key'));
    mkdirSync(join(host, 'home/.ssh'), { recursive: true, mode: 0o700 });
    writeFileSync(join(host, 'home/.ssh/authorized_keys'), readFileSync(`${id}.pub`), { mode: 0o600 });
    const users = readFileSync('/etc/passwd', 'utf8').replace(/^root:.*$/m, `root:x:0:0:root:${host}/home:/bin/sh`);
    writeFileSync(join(host, 'passwd'), users, { mode: 0o644 });
    return `${address(n)} ${said.match(/^ssh-ed25519 \S+/m)[0]}`;
  });
  writeFileSync(join(dir, 'known_hosts'), `${known.join('\n')}\n`);
  writeFileSync(join(dir, 'ssh_config'), `Host *
  User root
  BatchMode yes
  IdentitiesOnly yes
  IdentityFile ${id}
  UserKnownHostsFile ${dir}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
${IDS.map((n) => `Host host-${n}\n  HostName ${address(n)}`).join('\n')}
`);
}

function files() {
  rmSync(dir, { recursive: true, force: true });
  for (const name of ['drills', ...IDS.map((id) => `host-${id}`)]) mkdirSync(join(dir, name), { recursive: true });
  const script = (path, text) => writeFileSync(path, text) ?? chmodSync(path, 0o755);
  script(join(dir, 'ssh'), SSH);
  for (const id of IDS) {
    const its = (text) => text.replaceAll('@DIR', join(dir, `host-${id}`)).replaceAll('@ADDRESS', address(id));
    script(join(dir, `host-${id}/systemctl`), its(SYSTEMCTL));
    script(join(dir, `host-${id}/host`), its(HOST));
  }
  keys();
  const pki = join(dir, 'pki');
  const make = (...args) => sh(join(root, 'ops/pki'), ...args);
  make('init', pki);
  for (const id of IDS) make('node', pki, String(id), '--san', address(id));
  make('balancer', pki);
  make('operator', pki);
  make('http', pki, '--host', 'id.hosts.test', ...IDS.flatMap((id) => ['--host', address(id)]));
  const cluster = readFileSync(join(pki, 'cluster.id'), 'utf8').trim();
  for (const id of IDS) {
    writeFileSync(join(dir, `host-${id}/options`), '--bootstrap');
    writeFileSync(join(dir, `host-${id}/node.conf`), `node_id = ${id}
cluster_id = ${cluster}
data_dir = ${dir}/host-${id}/data
${IDS.map((n) => `peer = ${n} ${address(n)}:9431 ${REGIONS[n - 1]}`).join('\n')}
issuer = https://id.hosts.test/oauth/
environment = verification
host = id.hosts.test
host = ${address(id)}
http_listen = ${address(id)}:443
balancer_listen = ${address(id)}:8443
operator_listen = ${address(id)}:9421
http_cert = ${pki}/http.crt
http_key = ${pki}/http.key
peer_cert = ${pki}/node-${id}.crt
peer_key = ${pki}/node-${id}.key
ca = ${pki}/ca.crt
cluster_key = ${pki}/cluster.key
store_map_bytes = 1073741824
login_limit_per_minute = 0
login_cap_source = 0
`);
  }
  writeFileSync(join(dir, 'cluster.env'), `TASUKI_CA='${pki}/ca.crt'
TASUKI_OPERATOR_CERT='${pki}/operator.crt'
TASUKI_OPERATOR_KEY='${pki}/operator.key'
${IDS.map((id) => `TASUKI_OPERATOR_${id}='https://${address(id)}:9421'`).join('\n')}
`);
  writeFileSync(join(dir, 'hosts.yaml'), `environment: verification
url: https://id.hosts.test
pki: ${pki}
env: ${dir}/cluster.env
ssh: [${dir}/ssh]
balancers:
  - {region: tokyo, address: 10.88.0.1}
nodes:
${IDS.map((id) => `  - {id: ${id}, region: ${REGIONS[id - 1]}, address: ${address(id)}, http: "${address(id)}:443", operators: "${address(id)}:9421", host: host-${id}, disk: ${dir}/host-${id}}`).join('\n')}
`);
}

const onHost = (id, words) => {
  const [command, ...args] = inside(NS, join(dir, 'ssh'), `host-${id}`, words);
  return spawnSync(command, args, { encoding: 'utf8' });
};
async function until(what, look) {
  for (let i = 0; !look(); i++) {
    assert.ok(i < 200, what);
    await new Promise((done) => setTimeout(done, 200));
  }
}

before(async () => {
  files();
  network();
  for (const id of IDS) {
    const [command, ...args] = inside(`${NS}-${id}`, join(dir, `host-${id}/host`));
    children.push(spawn(command, args, { stdio: ['ignore', 'ignore', openSync(join(dir, `host-${id}/ssh.log`), 'w')] }));
  }
  for (const id of IDS) await until(`host ${id} is reached by ssh`, () => onHost(id, 'systemctl start tasukid').status === 0);
  const pki = join(dir, 'pki');
  const env = {
    ...process.env, TASUKI_BIND: '10.88.0.1:443', TASUKI_HTTP_PEM: join(pki, 'http.pem'), TASUKI_HOST: 'id.hosts.test', TASUKI_CA: join(pki, 'ca.crt'),
    TASUKI_BALANCER_PEM: join(pki, 'balancer.pem'), ...Object.fromEntries(IDS.map((id) => [`TASUKI_BALANCER_${id}`, `${address(id)}:8443`])),
  };
  const [command, ...args] = inside(NS, 'haproxy', '-db', '-f', join(root, 'ops/haproxy/haproxy.cfg'));
  children.push(spawn(command, args, { env, stdio: 'ignore' }));
  const [tasuki, ...rest] = inside(NS, join(bin, 'tasuki'), 'status', '--env', join(dir, 'cluster.env'));
  await until('the cluster comes up', () => spawnSync(tasuki, rest).status === 0);
});
after(() => {
  for (const id of IDS) onHost(id, 'systemctl kill --signal=KILL tasukid');
  children.forEach((child) => child.kill('SIGKILL'));
  for (const id of IDS) spawnSync('ip', ['netns', 'del', `${NS}-${id}`]);
  spawnSync('ip', ['netns', 'del', NS]);
});

function drill(name, method, more = []) {
  const file = join(dir, `${name}.yaml`);
  writeFileSync(file, `title: ${name}
x-load: {people: 6, before_s: 3, after_s: 3, register: 0.5}
x-objectives: {rpo: 0}
steady-state-hypothesis:
  probes:
    - {name: ready, tolerance: true, provider: {type: tasuki, func: nodes_ready}}
    - {name: same, tolerance: true, provider: {type: tasuki, func: digests_equal}}
    - {name: serve, tolerance: true, provider: {type: tasuki, func: pages}}
method:
${method}
rollbacks: []
`);
  const out = join(dir, 'drills', name);
  const [command, ...args] = inside(NS, program, 'run', file, '--dir', out, '--bin', bin, '--root', root, '--hosts', join(dir, 'hosts.yaml'), ...more);
  const run = spawnSync(command, args, { encoding: 'utf8' });
  return { ...run, report: () => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) };
}
const action = (func, args, ttl = '', after = 4) => `  - {type: action, name: ${func}, provider: {type: tasuki, func: ${func}, arguments: {${args}}}${ttl ? `, x-ttl-s: ${ttl}` : ''}, pauses: {after: ${after}}}\n`;

test('leader lost, a host cut off, a node that stands still: on hosts, over their transport', () => {
  const method = action('kill', 'target: leader') + action('start', 'target: hurt', '', 3) + action('cut', 'target: follower, to: all', 3, 5) + action('pause', 'target: follower', 2, 4) + action('rolling', '', '', 1);
  const run = drill('faults', method);
  assert.ok([0, 2].includes(run.status), run.stderr);
  const report = run.report();
  assert.deepEqual(report.checks.filter((check) => check.invariant && !check.good), []);
  assert.ok(report.good > 100, `${report.good} good`);
  assert.ok(report.actions.filter((one) => one.fault).every((one) => one.to_ms !== null), 'every fault has ended');
  const said = readFileSync(join(dir, 'ssh.log'), 'utf8');
  for (const words of ['systemctl kill --signal=KILL tasukid', 'systemctl start tasukid', 'nft ', 'nft delete table', '--signal=STOP', '--signal=CONT', 'systemctl stop tasukid'])
    assert.ok(said.includes(words), words);
  for (const id of IDS) assert.equal(spawnSync('ip', ['netns', 'exec', `${NS}-${id}`, 'nft', 'list', 'tables'], { encoding: 'utf8' }).stdout, '', 'no rule is left');
});

test('what cannot be made there is refused before anything is done', () => {
  for (const func of ['power_cut', 'disk_stall', 'clock_step', 'restore']) {
    const run = drill(`no-${func}`, action(func, 'target: leader', 2));
    assert.equal(run.status, 65, run.stderr);
    assert.match(run.stderr, new RegExp(`${func} is not made on hosts`));
  }
});

test('the environment is that of the hosts', () => {
  const file = join(dir, 'hosts.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('verification', 'production'));
  const run = drill('production', action('kill', 'target: leader'));
  writeFileSync(file, text);
  assert.equal(run.status, 64);
  assert.match(run.stderr, /environment of this drill is production/);
});
