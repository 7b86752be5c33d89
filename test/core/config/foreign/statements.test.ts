// Tests reading Kamailio and OpenSIPS configs: comments, quotes, #!define and its like, includes, and what is passed over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStatements, type Statement } from '../../../../core/config/foreign/statements';

interface Read {
  readonly statements: string[];
  readonly complaints: string[];
}

function show(statement: Statement): string {
  const { line } = statement;
  switch (statement.kind) {
    case 'module':
      return `${line} load ${statement.name}`;
    case 'modparam':
      return `${line} ${statement.module}.${statement.name}=${JSON.stringify(statement.value)}`;
    case 'listen':
      return `${line} listen ${statement.words}`;
    case 'setting':
      return `${line} ${statement.name}=${JSON.stringify(statement.value)}`;
    case 'route':
      return `${line} ${statement.name}`;
  }
}

function read(text: string, defines: string[] = [], included: Record<string, string> = {}): Read {
  const complaints: string[] = [];
  const statements = readStatements('k.cfg', text, {
    defines,
    files: {
      environment: { DB_NAME: 'presence' },
      read: (name) => (included[name] === undefined ? undefined : { file: name, text: included[name] }),
    },
    complain: ({ file, line }, what, reason) => complaints.push(`${file}:${line} ${what}: ${reason}`),
  });
  return { statements: statements.map(show), complaints };
}

const statementsOf = (...args: Parameters<typeof read>) => {
  const { statements, complaints } = read(...args);
  assert.deepEqual(complaints, []);
  return statements;
};

test('comments of three kinds are passed over, and none begins inside a string', () => {
  const text = `# debug=1\n// debug=2\n/* debug=3\n*/ debug=4 # debug=5\nalias="a#b//c/*d*/"\nalias='it"s'`;
  assert.deepEqual(statementsOf(text), ['4 debug=4', '5 alias="a#b//c/*d*/"', '6 alias="it\\"s"']);
});

test('double quotes know escapes, single quotes do not, and strings that follow each other are one', () => {
  const text = `loadmodule "a.so"\nmodparam("a", "x", "tab\\t\\"q\\" \\x41")\nmodparam("a", "y", 'no\\t')\nmodparam("a", "z", "one "\n  'two')`;
  assert.deepEqual(statementsOf(text).slice(1), ['2 a.x="tab\\t\\"q\\" A"', '3 a.y="no\\\\t"', '4 a.z="one two"']);
});

test('a define stands for its value, which may hold other names, and not inside strings', () => {
  const text = `#!define A B\n#!define B 7\n#!trydefine B 8\n#!redefine C 9\nx=A\ny="A B"\nz=AB\nw=C`;
  assert.deepEqual(statementsOf(text), ['5 x=7', '6 y="A B"', '7 z="AB"', '8 w=9']);
});

test('a define that names itself ends', () => {
  assert.equal(statementsOf('#!define A A\nx=A').length, 1);
});

test('branches follow #!ifdef, nested ones too, the command line and the modules that are loaded', () => {
  const text = `#!ifdef FAST\na=1\n#!ifndef SLOW\nb=1\n#!else\nb=2\n#!endif\n#!else\n#!ifdef FAST\nc=1\n#!else\nc=2\n#!endif\n#!endif\nloadmodule "tm.so"\n#!ifdef MOD_tm\nd=1\n#!endif`;
  assert.deepEqual(statementsOf(text), ['12 c=2', '15 load tm', '17 d=1']);
  assert.deepEqual(statementsOf(text, ['FAST']), ['2 a=1', '4 b=1', '15 load tm', '17 d=1']);
  assert.deepEqual(statementsOf(text, ['FAST=1', 'SLOW']), ['2 a=1', '6 b=2', '15 load tm', '17 d=1']);
});

test('#!subst changes strings, #!substdef defines as well, #!substdefs a string', () => {
  const text = `#!subst "/host([0-9])/h\\1.example/i"\n#!substdef "!IP!192.0.2.1!g"\n#!substdefs "/TABLE/mine/"\nalias="HOST7"\nlisten=udp:IP:5060\nalias="IP IP"\nx=TABLE`;
  assert.deepEqual(statementsOf(text), [
    '4 alias="h7.example"',
    '5 listen udp:192.0.2.1:5060',
    '6 alias="192.0.2.1 192.0.2.1"',
    '7 x="mine"',
  ]);
});

test('the environment is looked up, and a directive goes on behind a backslash', () => {
  assert.deepEqual(statementsOf('#!defenvs DB=DB_NAME\n#!define \\\nN 5\nx=DB\ny=N'), ['4 x="presence"', '5 y=5']);
});

test('modules of a modparam are a regular expression over those that are loaded before', () => {
  const text = `loadmodule "/usr/lib/kamailio/presence.so"\nloadmodule("presence_xml.so")\nmodparam("presence|presence_xml|rls", "db_url", "x")\nmodparam("^pres.*", "y", -1)\nmodparam("presence", "z", yes);`;
  assert.deepEqual(statementsOf(text), [
    '1 load presence',
    '2 load presence_xml',
    '3 presence.db_url="x"',
    '3 presence_xml.db_url="x"',
    '4 presence.y=-1',
    '4 presence_xml.y=-1',
    '5 presence.z=1',
  ]);
});

test('listen and OpenSIPS’s socket keep their words, in one line or in Kamailio’s braces', () => {
  const text = `listen=udp:[2001:db8::1]:5060 advertise 192.0.2.1:5060\nsocket=tcp:192.0.2.2:5070 as 192.0.2.3 use_workers 4\nsocket = {\n  bind = udp:192.0.2.4:5080;\n  name = "s1";\n}\nport=5061`;
  assert.deepEqual(statementsOf(text), [
    '1 listen udp:[2001:db8::1]:5060 advertise 192.0.2.1:5060',
    '2 listen tcp:192.0.2.2:5070 as 192.0.2.3 use_workers 4',
    '3 listen udp:192.0.2.4:5080',
    '7 port=5061',
  ]);
});

test('blocks of routing are passed over whole, whatever braces stand in their strings and comments', () => {
  const text = `request_route {\n  if (x) { log("}"); } # }\n  /* } */\n}\nroute[A_B] { modparam("a", "b", 1) }\nevent_route[tm:local-request]\n{ }\nx=1`;
  assert.deepEqual(statementsOf(text), ['1 request_route', '5 route[A_B]', '6 event_route[tm:local-request]', '8 x=1']);
});

test('files are included where they stand; a missing one is complained of, unless it may be missing', () => {
  const included = { 'a.cfg': 'x=1\ninclude_file "b.cfg"', 'b.cfg': 'y=2', 'self.cfg': 'include_file "self.cfg"' };
  assert.deepEqual(statementsOf('#!include_file "a.cfg"\nimport_file "no.cfg"\nz=3', [], included), [
    '1 x=1',
    '1 y=2',
    '3 z=3',
  ]);
  const { complaints } = read('include_file "no.cfg"\ninclude_file "self.cfg"', [], included);
  assert.equal(complaints[0], 'k.cfg:1 include_file "no.cfg": there is no such file');
  assert.equal(complaints.length, 2, 'a file that includes itself comes to an end');
});

test('what cannot be read is complained of with its line, and reading goes on', () => {
  const text = `loadmodule\nmodparam("a", "b")\nmodparam("none", "b", 1)\nbananas\n)\n#!endif\n#!ifexp 1 == 1\nx=1\n#!endif\n#!subst "/a"\ny="no end`;
  const { statements, complaints } = read(text);
  assert.deepEqual(statements, ['11 y="no end"']);
  assert.deepEqual(complaints, [
    'k.cfg:6 #!endif: there is no #!ifdef before it',
    'k.cfg:7 #!ifexp  1 == 1: expressions are not worked out: its first branch is passed over',
    'k.cfg:10 #!subst  "/a": it is not "/regular expression/replacement/flags"',
    'k.cfg:1 loadmodule: it names no module',
    'k.cfg:2 modparam: it is not ("module", "parameter", value)',
    'k.cfg:3 modparam none b: no module of that name is loaded before',
    'k.cfg:4 bananas: this is no statement that is known',
    'k.cfg:5 ): this is no statement that is known',
  ]);
});
