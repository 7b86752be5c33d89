// Tests pres-rules over real sockets: each row of what Kamailio and OpenSIPS get wrong, done right.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newPresentity } from '../support/phone';
import { rule, ruledServer, ruleset } from '../support/ruled-server';
import { stateOf } from '../support/sip-ua';

/** A service, a person with activities and a note, two devices, extensions in all of them. */
function document(entity: string, sphere = ''): string {
  return (
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:f="urn:foo" entity="${entity}">` +
    `<tuple id="t1"><status><basic>open</basic></status><f:x>foo-of-tuple</f:x><rpid:class>biz</rpid:class><contact>sip:desk@pc.example.com</contact><note>note-of-tuple</note></tuple>` +
    `<dm:person id="p1">${sphere === '' ? '' : `<rpid:sphere>${sphere}</rpid:sphere>`}<rpid:activities><rpid:note>note-of-activities</rpid:note><rpid:meeting/></rpid:activities>` +
    `<rpid:user-input last-input="2026-01-01T00:00:00Z">active</rpid:user-input><dm:note>note-of-person</dm:note></dm:person>` +
    `<dm:device id="d1"><rpid:class>home</rpid:class><dm:deviceID>urn:x:1</dm:deviceID></dm:device><dm:device id="d2"><dm:deviceID>urn:x:2</dm:deviceID></dm:device></presence>`
  );
}

const bob = '<one id="sip:bob@example.com"/>';
const yesterday = '<validity><from>2020-01-01T00:00:00+02:00</from><until>2020-01-02T00:00:00+02:00</until></validity>';
const thisCentury =
  '<validity><from>2020-01-01T00:00:00-05:00</from><until>2099-01-01T00:00:00+14:00</until></validity>';
const oma =
  '<rule id="o" xmlns:ocp="urn:oma:xml:xdm:common-policy"><conditions><ocp:external-list><ocp:entry anc="l"/></ocp:external-list></conditions>' +
  '<actions><pr:sub-handling>allow</pr:sub-handling></actions><transformations/></rule>';

interface Row {
  readonly name: string;
  readonly rules: string;
  /** What watchers get: `active`, `pending`, `rejected`, and what the document has or has not (`!`). */
  readonly gets: Readonly<Record<string, readonly string[]>>;
  readonly sphere?: string;
}

const all = ['active', '>open<', 'foo-of-tuple', 'note-of-activities', 'id="d1"', 'id="d2"'];
const nothing = ['active', '>closed<', '!t1', '!person', '!device', '!note'];

const rows: readonly Row[] = [
  {
    name: 'one: the host is compared without case, the user with; sips, pres, ports and parameters name the same user',
    rules: rule('a', 'allow', '<one id="pres:bob@EXAMPLE.com"/><one id="sips:carol@example.com:5061;transport=tls"/>'),
    gets: {
      'sip:bob@example.com': all,
      'sip:bob@Example.COM:5070': all,
      'sip:Bob@example.com': ['rejected'],
      'sip:carol@example.com': all,
    },
  },
  {
    name: 'one: telephone numbers',
    rules: rule('a', 'allow', '<one id="tel:+1-212-555-1234"/>'),
    gets: { 'tel:+12125551234': all, 'tel:+12125551235': ['rejected'] },
  },
  {
    name: 'many: a domain is compared as a whole, not by its length',
    rules: rule('a', 'allow', '<many domain="evil123.com"/>'),
    gets: { 'sip:bob@example.com': ['rejected'], 'sip:bob@EVIL123.com': all, 'sip:bob@sub.evil123.com': ['rejected'] },
  },
  {
    name: 'except: an id is excepted',
    rules: rule('a', 'allow', '<many><except id="sip:bob@example.com"/></many>'),
    gets: { 'sip:bob@example.com': ['rejected'], 'sip:carol@example.com': all },
  },
  {
    name: 'except: a domain is excepted',
    rules: rule('a', 'allow', '<many><except domain="Example.com"/></many>'),
    gets: { 'sip:bob@example.com': ['rejected'], 'sip:bob@example.org': all },
  },
  {
    name: 'a rule without identity is for everybody, also who is anonymous',
    rules: rule('a', 'confirm', undefined, '', thisCentury) + rule('b', 'allow', bob),
    gets: { 'sip:bob@example.com': all, 'sip:anonymous@anonymous.invalid': ['pending', '!<'] },
  },
  {
    name: 'a rule without conditions always holds, and later rules count',
    rules: rule('a', 'confirm') + rule('b', 'allow', bob),
    gets: { 'sip:bob@example.com': all, 'sip:carol@example.com': ['pending', '!<'] },
  },
  {
    name: 'validity with time zones',
    rules: rule('a', 'allow', bob, undefined, thisCentury) + rule('b', 'allow', '<many/>', undefined, yesterday),
    gets: { 'sip:bob@example.com': all, 'sip:carol@example.com': ['rejected'] },
  },
  {
    name: 'sphere: its value attribute against what is published',
    rules:
      rule('a', 'allow', bob, undefined, '<sphere value="work"/>') +
      rule('b', 'allow', '<many domain="h"/>', undefined, '<sphere value="home"/>'),
    sphere: 'work',
    gets: { 'sip:bob@example.com': all, 'sip:bob@h': ['rejected'] },
  },
  {
    name: 'sphere: none published is none',
    rules:
      rule('a', 'allow', bob, undefined, '<sphere value="work"/>') +
      rule('b', 'allow', '<many domain="h"/>', undefined, '<sphere value=""/>'),
    gets: { 'sip:bob@example.com': ['rejected'], 'sip:bob@h': ['rejected'] },
  },
  {
    name: 'all rules that match are combined: an allow of all over a block of one',
    rules: rule('a', 'block', bob) + rule('b', 'allow', '<many/>'),
    gets: { 'sip:bob@example.com': all },
  },
  {
    name: 'all rules that match are combined: an allow of one over a confirm of all, and what both grant',
    rules:
      rule('a', 'confirm', '<many/>', '<pr:provide-devices><pr:class>home</pr:class></pr:provide-devices>') +
      rule('b', 'allow', bob, '<pr:provide-services><pr:all-services/></pr:provide-services>'),
    gets: {
      'sip:bob@example.com': ['active', '>open<', 'id="d1"', '!d2', '!person', '!foo-of-tuple'],
      'sip:carol@example.com': ['pending', '!<'],
    },
  },
  {
    name: 'sub-handling: block, confirm, polite-block, allow',
    rules:
      rule('a', 'block', '<one id="sip:a@h"/>') +
      rule('b', 'confirm', '<one id="sip:b@h"/>') +
      rule('c', 'polite-block', '<one id="sip:c@h"/>') +
      rule('d', 'allow', '<one id="sip:d@h"/>'),
    gets: { 'sip:a@h': ['rejected'], 'sip:b@h': ['pending', '!<'], 'sip:c@h': nothing, 'sip:d@h': all },
  },
  {
    name: 'an allow without transformations shows nothing',
    rules: rule('a', 'allow', bob, ''),
    gets: { 'sip:bob@example.com': nothing },
  },
  {
    name: 'provide-devices by class',
    rules: rule('a', 'allow', bob, '<pr:provide-devices><pr:class>home</pr:class></pr:provide-devices>'),
    gets: { 'sip:bob@example.com': ['active', 'id="d1"', '!d2', '!t1', '!person'] },
  },
  {
    name: 'services, persons and devices by deviceID, occurrence-id, service-uri and service-uri-scheme',
    rules:
      rule(
        'a',
        'allow',
        '<one id="sip:a@h"/>',
        '<pr:provide-devices><pr:deviceID>URN:x:2</pr:deviceID></pr:provide-devices>',
      ) +
      rule(
        'b',
        'allow',
        '<one id="sip:b@h"/>',
        '<pr:provide-persons><pr:occurrence-id>p1</pr:occurrence-id></pr:provide-persons>',
      ) +
      rule(
        'c',
        'allow',
        '<one id="sip:c@h"/>',
        '<pr:provide-services><pr:service-uri>sip:DESK@pc.example.com</pr:service-uri></pr:provide-services>',
      ) +
      rule(
        'd',
        'allow',
        '<one id="sip:d@h"/>',
        '<pr:provide-services><pr:service-uri>sip:desk@PC.example.com</pr:service-uri></pr:provide-services>',
      ) +
      rule(
        'e',
        'allow',
        '<one id="sip:e@h"/>',
        '<pr:provide-services><pr:service-uri-scheme>sip</pr:service-uri-scheme></pr:provide-services>',
      ) +
      rule(
        'f',
        'allow',
        '<one id="sip:f@h"/>',
        '<pr:provide-services><pr:service-uri-scheme>mailto</pr:service-uri-scheme></pr:provide-services>',
      ),
    gets: {
      'sip:a@h': ['active', 'id="d2"', '!d1', '!person', '!t1'],
      'sip:b@h': ['active', 'id="p1"', '!device', '!t1', '!meeting'],
      'sip:c@h': nothing,
      'sip:d@h': ['active', 'id="t1"', 'sip:desk@pc.example.com', '!person', '!device'],
      'sip:e@h': ['active', 'id="t1"', '!person', '!device'],
      'sip:f@h': nothing,
    },
  },
  {
    name: 'an attribute that is not granted is gone wherever it stands; a note goes with its attribute',
    rules: rule(
      'a',
      'allow',
      bob,
      '<pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-note>true</pr:provide-note>',
    ),
    gets: { 'sip:bob@example.com': ['active', 'note-of-person', '!note-of-activities', '!meeting', '!note-of-tuple'] },
  },
  {
    name: 'provide-user-input, provide-unknown-attribute, provide-activities',
    rules: rule(
      'a',
      'allow',
      bob,
      '<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-activities>true</pr:provide-activities><pr:provide-user-input>bare</pr:provide-user-input><pr:provide-unknown-attribute ns="urn:foo" name="x">true</pr:provide-unknown-attribute>',
    ),
    gets: {
      'sip:bob@example.com': [
        'active',
        'meeting',
        'user-input>active<',
        '!last-input',
        'foo-of-tuple',
        '!note-of-person',
      ],
    },
  },
  {
    name: 'provide-all-attributes shows all attributes of what is provided, and nothing else',
    rules: rule(
      'a',
      'allow',
      bob,
      '<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-all-attributes/>',
    ),
    gets: { 'sip:bob@example.com': ['active', 'foo-of-tuple', 'note-of-tuple', '!person', '!device'] },
  },
  { name: 'a condition that is not known never holds', rules: oma, gets: { 'sip:bob@example.com': ['rejected'] } },
];

describe('rules over the wire', () => {
  const here = ruledServer('sip:bob@example.com');

  const watch = async (presentity: string, watcher: string) => {
    // A telephone number is asserted by a proxy; a From of the sip package would not take it.
    const named = watcher.startsWith('tel:') ? { headers: { 'p-asserted-identity': watcher } } : { from: watcher };
    return (await here.ua.subscribe(presentity, named)).dialog;
  };

  for (const { name, rules, gets, sphere } of rows) {
    test(name, async () => {
      const presentity = newPresentity();
      here.ruled.write(presentity, ruleset(rules));
      assert.equal((await here.ua.publish(presentity, { body: document(presentity, sphere) })).status, 200);
      for (const [watcher, [state, ...parts]] of Object.entries(gets)) {
        const notify = await (await watch(presentity, watcher)).next();
        assert.equal(stateOf(notify), state, `${watcher}: ${notify.stateParams}`);
        for (const part of parts) {
          const isHidden = part.startsWith('!');
          const text = notify.body.replaceAll(/ xmlns(:\w+)?="[^"]*"/g, '');
          assert.equal(
            text.includes(isHidden ? part.slice(1) : part),
            !isHidden,
            `${watcher}: ${part} in\n${notify.body}`,
          );
        }
        if (state === 'rejected' || state === 'pending') assert.equal(notify.body, '');
      }
    });
  }
});
