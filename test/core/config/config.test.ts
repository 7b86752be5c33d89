// Tests the config file: what a right one gives, and each problem of a wrong one with its place and exact words.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { formatProblem } from '../../../core/base/problem';
import { parseConfig, readConfig } from '../../../core/config/config';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-config-'));
writeFileSync(join(folder, 'script.ts'), '');
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'c.yaml');

const listen = 'listen: ["udp:127.0.0.1:5060"]\n';
const script = 'script: script.ts\n';

/** `${WORDS}` as it stands in a config. */
const variable = (words: string) => `\${${words}}`;

/** The problems of a text, as `LINE:COLUMN: message`. */
function problems(text: string, environment: Record<string, string> = {}): string[] {
  return parseConfig(file, text, environment).problems.map((problem) =>
    formatProblem(problem).replace(`${file}:`, '').replaceAll(folder, 'DIR'),
  );
}

test('a config gives its sockets, paths from its own folder, modules, modparam lines and settings', () => {
  const config = parseConfig(
    file,
    `listen:
  - udp:localhost:5060
  - tcp:[::1]:0
script: script.ts
control: unix:run/ctl.sock
loadmodule:
  - sl
  - presence
modparam:
  - [presence, max_expires, 0x10]
core:
  log_level: debug
  max_while_loops: 7
`,
  );
  assert.deepEqual(config.problems, []);
  assert.deepEqual(config.listen, [
    { protocol: 'udp', address: '127.0.0.1', port: 5060 },
    { protocol: 'tcp', address: '::1', port: 0 },
  ]);
  assert.equal(config.script, join(folder, 'script.ts'));
  assert.equal(config.control, join(folder, 'run/ctl.sock'));
  assert.deepEqual(
    config.modules.map((module) => module.name),
    ['sl', 'presence'],
  );
  const [line] = config.modparams;
  assert.deepEqual(line?.parameter, { name: 'max_expires', place: { file, line: 10, column: 16 } });
  assert.deepEqual(line?.value, { value: 16, text: '0x10' });
  assert.equal(config.core.logLevel, 'debug');
  assert.equal(config.core.maxWhileLoops, 7);
  assert.equal(config.core.sipT1, 500);
});

test('every problem is reported at once', () => {
  assert.deepEqual(problems('lisen: []\nscript: none.ts\ncontrol: tcp:x\ncore: {log_level: loud}\n'), [
    '1:1: unknown key "lisen" (did you mean "listen"?)',
    '1:1: listen names no socket: add one, for instance `- udp:127.0.0.1:5060`',
    '2:9: there is no file DIR/none.ts',
    '3:10: "tcp:x" is not unix:PATH',
    '4:19: log_level must be one of trace, debug, info, warn, error, fatal, silent, not "loud"',
  ]);
});

test('a YAML error is reported where it stands', () => {
  assert.deepEqual(problems(`${listen}${script}core: {log_level: info\n`), [
    '4:1: YAML: Flow map in block collection must be sufficiently indented and end with a }',
  ]);
  assert.deepEqual(problems(`${listen}${script}${listen}`), ['3:1: YAML: Map keys must be unique']);
});

test('an empty file, a list and a word are not configs', () => {
  assert.deepEqual(problems(''), ['1:1: the file is empty']);
  assert.deepEqual(problems('# nothing\n'), ['1:1: the file is empty']);
  assert.match(problems('- a\n')[0] ?? '', /^1:1: a config file is a map of `key: value` lines$/);
});

test('a core setting at the top level is told its place', () => {
  assert.deepEqual(problems(`${listen}${script}log_level: info\n`), [
    '3:1: unknown key "log_level": it belongs under "core:"',
  ]);
});

test('a core setting is checked like a parameter', () => {
  assert.deepEqual(problems(`${listen}${script}core:\n  sip_t1: 5\n  tcp_idel_timeout: 5\n  max_headers:\n`), [
    '4:11: sip_t1 must be from 10 to 10000 ms, not 5',
    '5:3: core has no setting "tcp_idel_timeout" (did you mean "tcp_idle_timeout"?)',
    '6:15: max_headers has no value',
  ]);
  assert.deepEqual(problems(`${listen}${script}core:\n  user_agent: "a\\nb"\n`), [
    '4:15: user_agent must be printable ASCII: it goes into a header',
  ]);
});

test('each wrong socket is told what is wrong with it', () => {
  const cases: [string, string][] = [
    ['upd:127.0.0.1:5060', '"upd:127.0.0.1:5060": unknown protocol "upd", expected udp or tcp (did you mean "udp"?)'],
    ['127.0.0.1:5060', '"127.0.0.1:5060": unknown protocol "127.0.0.1", expected udp or tcp'],
    ['udp', '"udp" is not protocol:address:port, for instance udp:127.0.0.1:5060 or udp:[::1]:5060'],
    [
      'udp:127.0.0.1',
      '"udp:127.0.0.1" is not protocol:address:port, for instance udp:127.0.0.1:5060 or udp:[::1]:5060',
    ],
    ['udp:[::1]', '"udp:[::1]" is not protocol:address:port, for instance udp:127.0.0.1:5060 or udp:[::1]:5060'],
    ['udp:::1:5060', '"udp:::1:5060": an IPv6 address stands in brackets, as in udp:[::1]:5060'],
    ['tcp:example.com:5060', '"tcp:example.com:5060": "example.com" is not an IP address or localhost'],
    ['tcp:[127.0.0.1]:5060', '"tcp:[127.0.0.1]:5060": "[127.0.0.1]" is not an IP address or localhost'],
    ['udp:127.0.0.1:66000', '"udp:127.0.0.1:66000": "66000" is not a port (0 to 65535)'],
    ['udp:127.0.0.1:sip', '"udp:127.0.0.1:sip": "sip" is not a port (0 to 65535)'],
  ];
  for (const [text, message] of cases)
    assert.deepEqual(problems(`${script}listen:\n  - ${text}\n`), [`3:5: ${message}`]);
});

test('one socket listed twice is a problem, port 0 is not', () => {
  assert.deepEqual(
    problems(`${script}listen:\n  - udp:127.0.0.1:5060\n  - tcp:127.0.0.1:5060\n  - udp:localhost:5060\n`),
    ['5:5: udp:127.0.0.1:5060 is listed in line 3 already'],
  );
  assert.deepEqual(problems(`${script}listen:\n  - udp:127.0.0.1:0\n  - udp:127.0.0.1:0\n`), []);
});

test('a script has to be named, and be a file', () => {
  assert.deepEqual(problems(listen), [
    '1:1: script is missing: name the routing script, for instance `script: presence.ts`',
  ]);
  assert.deepEqual(problems(`${listen}script: .\n`), ['2:9: there is no file DIR']);
  assert.deepEqual(problems(`${listen}script:\n`), ['2:8: expected the path of the routing script']);
});

test('a socket path that no system takes is refused', () => {
  const [problem] = problems(`${listen}${script}control: unix:${'x'.repeat(120)}\n`);
  assert.match(problem ?? '', /^3:10: .* is too long for a unix socket: at most 107 bytes$/);
});

test('a module listed twice is a problem', () => {
  assert.deepEqual(problems(`${listen}${script}loadmodule:\n  - sl\n  - maxfwd\n  - sl\n`), [
    '6:5: sl is loaded in line 4 already',
  ]);
});

test('a modparam line has three parts', () => {
  const shape = 'a modparam line is [module, parameter, value]';
  assert.deepEqual(
    problems(`${listen}${script}modparam:\n  - [a, b]\n  - [a, b, c, d]\n  - a, b, c\n  - {a: b}\n  - [[], b, 1]\n`),
    [`4:5: ${shape}`, `5:5: ${shape}`, `6:5: ${shape}`, `7:5: ${shape}`, '8:6: expected the name of a module'],
  );
});

test('a map where a list belongs, and a list where a map belongs, are told so', () => {
  assert.deepEqual(problems(`${script}listen: {udp: 1}\n`)[0], '2:9: listen is a list: one `- …` a line');
  assert.deepEqual(problems(`${listen}${script}core: [1]\n`), ['3:7: core is a map of `key: value` lines']);
});

test('the environment is expanded in every string, with defaults, and what is not set is a problem at its place', () => {
  const text = `listen: ["udp:\${ADDRESS}:\${PORT:-5060}"]\n${script}modparam:\n  - [a, b, "x\${NONE}"]\n  - [a, PARAMETER, 1]\n`;
  const config = parseConfig(file, text, { ADDRESS: '127.0.0.2', NONE: 'y' });
  assert.deepEqual(config.problems, []);
  assert.deepEqual(config.listen, [{ protocol: 'udp', address: '127.0.0.2', port: 5060 }]);
  assert.deepEqual(config.modparams[0]?.value, { value: 'xy', text: 'xy' });
  const message = (name: string) =>
    `the environment variable ${name} is not set (\${${name}:-default} gives a default)`;
  assert.deepEqual(problems(text), [`1:15: ${message('ADDRESS')}`, `4:14: ${message('NONE')}`]);
});

test('what cannot be expanded is told why', () => {
  const at = (value: string) => problems(`${listen}${script}modparam:\n  - [a, b, '${value}']\n`);
  assert.deepEqual(at(variable('A-B')), ['4:13: "A-B" is not the name of an environment variable']);
  assert.deepEqual(at(variable('A').slice(0, -1)), [
    '4:13: this "$" and "{" have no closing "}" (a second "$" before them takes them as they are)',
  ]);
  assert.deepEqual(at(`$${variable('A')}`), []);
});

test('an alias of YAML stands for what it names', () => {
  const config = parseConfig(file, `${listen}${script}modparam:\n  - [a, u, &url x]\n  - [b, u, *url]\n`);
  assert.deepEqual(config.problems, []);
  assert.equal(config.modparams[1]?.value.text, 'x');
});

test('a file that is not there is one sentence with what to do', () => {
  assert.throws(() => readConfig(join(folder, 'none.yaml')), {
    message: `${join(folder, 'none.yaml')}: there is no such file`,
    hint: 'name the config file with -f FILE',
  });
  assert.throws(() => readConfig(folder), { message: `${folder}: that is a folder` });
});
