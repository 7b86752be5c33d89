// Owns a publication with a secret in every place, random grants, and a plain reading of RFC 5025 that says which secrets show.
import fc from 'fast-check';

/** A token that stands in one place of a document. */
export interface Secret {
  readonly token: string;
  /** Undefined: outside of every service, person and device. */
  readonly component: Component | undefined;
  /**
   * always, never (only with all attributes), an attribute with a permission, `foo` for the unknown one; outside of
   * components: everything, root note, comment (which composition drops).
   */
  readonly needs: string;
}

export interface Component {
  readonly kind: 'services' | 'persons' | 'devices';
  readonly id: string;
  readonly class: 'biz' | 'home' | undefined;
  readonly scheme: 'sip' | 'mailto';
}

/** What one rule grants. */
export interface Grant {
  readonly xml: string;
  readonly all: boolean;
  readonly attributes: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
  readonly persons: ReadonlySet<string>;
  readonly devices: ReadonlySet<string>;
}

export const publication: fc.Arbitrary<readonly Component[]> = fc
  .uniqueArray(
    fc.record({
      kind: fc.constantFrom('services', 'persons', 'devices'),
      id: fc.constantFrom('a', 'b', 'c', 'closed', 'x1'),
      class: fc.constantFrom('biz', 'home', undefined),
      scheme: fc.constantFrom('sip', 'mailto'),
    }),
    { selector: ({ id }) => id, maxLength: 5 },
  )
  .map((list) => list as readonly Component[]);

const rpid = [
  'activities',
  'mood',
  'place-is',
  'place-type',
  'privacy',
  'relationship',
  'sphere',
  'status-icon',
  'time-offset',
];
const booleans = [...rpid, 'class', 'deviceID', 'note'];

const selectors = fc.oneof(
  fc.constant(new Set<string>()),
  fc.constant(new Set<string>(['*'])),
  fc
    .uniqueArray(fc.constantFrom('class biz', 'class home', 'occurrence-id a', 'occurrence-id closed'), {
      maxLength: 3,
    })
    .map((s) => new Set<string>(s)),
);

export const grants: fc.Arbitrary<Grant> = fc
  .record({
    all: fc.boolean(),
    attributes: fc.uniqueArray(fc.constantFrom(...booleans, 'foo', 'bare', 'full'), { maxLength: 8 }),
    services: selectors,
    byScheme: fc.constantFrom(undefined, 'sip', 'mailto'),
    persons: selectors,
    devices: selectors,
    denied: fc.constantFrom(...booleans),
  })
  .map(({ all, attributes, services, byScheme, persons, devices, denied }) => {
    const scheme = byScheme === undefined || services.has('*') ? [] : [`service-uri-scheme ${byScheme}`];
    const grant = {
      all,
      attributes: new Set(attributes),
      services: new Set([...services, ...scheme]),
      persons,
      devices,
    };
    return { ...grant, xml: write(grant, denied) };
  });

function write(grant: Omit<Grant, 'xml'>, denied: string): string {
  const selection = (kind: 'services' | 'persons' | 'devices') => {
    const inside = [...grant[kind]].map((selector) => {
      if (selector === '*') return `<pr:all-${kind}/>`;
      const [type, value] = selector.split(' ');
      return `<pr:${type}>${value}</pr:${type}>`;
    });
    return inside.length === 0 ? '' : `<pr:provide-${kind}>${inside.join('')}</pr:provide-${kind}>`;
  };
  const attributes = [...grant.attributes].map((name) => {
    if (name === 'foo')
      return '<pr:provide-unknown-attribute ns="urn:example:foo" name="foo">true</pr:provide-unknown-attribute>';
    if (name === 'bare' || name === 'full') return `<pr:provide-user-input>${name}</pr:provide-user-input>`;
    return `<pr:provide-${name}>true</pr:provide-${name}>`;
  });
  const false_ = grant.attributes.has(denied) ? '' : `<pr:provide-${denied}>false</pr:provide-${denied}>`;
  const all = grant.all ? '<pr:provide-all-attributes/>' : '';
  return selection('services') + selection('persons') + selection('devices') + attributes.join('') + false_ + all;
}

/** Writes the publication and notes each secret with what it takes to see it. */
export function fullDocument(components: readonly Component[], secrets: Secret[]): string {
  let count = 0;
  const secret = (component: Component | undefined, needs: string) => {
    const token = `secret${String(count++).padStart(4, '0')}x`;
    secrets.push({ token, component, needs });
    return token;
  };
  const body = (component: Component): string => {
    const mine = (needs: string) => secret(component, needs);
    const p = component.kind === 'services' ? '' : 'dm:';
    const attributes = rpid.map(
      (name) =>
        `<rpid:${name} from="${mine(name)}" f:x="${mine(name)}"><rpid:note>${mine(name)}</rpid:note><deep xmlns="urn:${mine(name)}">${mine(name)}</deep></rpid:${name}>`,
    );
    const input = `<rpid:user-input id="${mine('full')}" idle-threshold="${mine('full')}" last-input="${mine('full')}" f:x="${mine('full')}">${mine('bare')}<f:x>${mine('full')}</f:x></rpid:user-input>`;
    const unknown = `<f:foo a="${mine('foo')}">${mine('foo')}<f:x>${mine('foo')}</f:x></f:foo><f:bar>${mine('never')}</f:bar><foo>${mine('never')}</foo><rpid:foo>${mine('never')}</rpid:foo>`;
    const note = `<${p}note xml:lang="en">${mine('note')}</${p}note>`;
    const always = component.kind === 'services' ? mine('always') : mine('never');
    const serviceClass = `<rpid:service-class><rpid:note>${always}</rpid:note></rpid:service-class>`;
    const deviceId = `<dm:deviceID f:x="${mine(component.kind === 'devices' ? 'never' : 'deviceID')}">urn:x:${mine(component.kind === 'devices' ? 'always' : 'deviceID')}</dm:deviceID>`;
    const kind =
      component.class === undefined ? '' : `<rpid:class f:x="${mine('class')}">${component.class}</rpid:class>`;
    const timestamp = `<${p}timestamp f:x="${mine('never')}">${mine('always')}</${p}timestamp>`;
    // Composition drops text that stands between the elements of a tuple.
    const between = component.kind === 'services' ? secret(undefined, 'comment') : mine('never');
    return `${between}<!--${secret(undefined, 'comment')}-->${attributes.join('')}${input}${unknown}${serviceClass}${kind}${deviceId}|${note}${timestamp}`;
  };
  const one = (component: Component): string => {
    const mine = (needs: string) => secret(component, needs);
    const start = `id="${component.id}" f:x="${mine('never')}" xmlns:${mine('never')}="urn:x"`;
    if (component.kind !== 'services') {
      const name = component.kind === 'persons' ? 'person' : 'device';
      return `<dm:${name} ${start}>${body(component).replace('|', '')}</dm:${name}>`;
    }
    const status = `<status f:x="${mine('never')}"><basic f:x="${mine('never')}">open</basic><f:foo>${mine('foo')}</f:foo><f:im>${mine('never')}</f:im></status>`;
    const contact = `<contact priority="${mine('always')}" f:x="${mine('never')}">${component.scheme}:${mine('always')}@example.com</contact>`;
    const [before, after] = body(component).split('|');
    return `<tuple ${start}>${status}${before}${contact}${after}</tuple>`;
  };
  const items = components.map(one).join('');
  const outside = `<note>${secret(undefined, 'root note')}</note><f:out a="${secret(undefined, 'everything')}"><f:foo>${secret(undefined, 'everything')}</f:foo></f:out><rpid:mood>${secret(undefined, 'everything')}</rpid:mood>`;
  const namespaces =
    'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:f="urn:example:foo"';
  const root = `xmlns="urn:ietf:params:xml:ns:pidf" ${namespaces} xmlns:unused="urn:${secret(undefined, 'everything')}" f:x="${secret(undefined, 'everything')}"`;
  return `<presence ${root} entity="pres:someone@example.com">${items}${outside}</presence>`;
}

/** RFC 5025 §3.3 read plainly, for the union of what several rules grant. */
export function visible({ component, needs }: Secret, list: readonly Grant[]): boolean {
  const everything = (kind: 'services' | 'persons' | 'devices') => list.some((grant) => grant[kind].has('*'));
  const all = list.some((grant) => grant.all);
  const has = (name: string) => all || list.some(({ attributes }) => attributes.has(name));
  const full = all && everything('services') && everything('persons') && everything('devices');
  if (component === undefined) {
    return needs === 'root note' ? everything('persons') && has('note') : full && needs === 'everything';
  }
  const { kind, id, scheme } = component;
  const selected = (selector: string) => list.some((grant) => grant[kind].has(selector));
  const isSelected =
    everything(kind) ||
    selected(`occurrence-id ${id}`) ||
    (component.class !== undefined && selected(`class ${component.class}`)) ||
    (kind === 'services' && selected(`service-uri-scheme ${scheme}`));
  if (!isSelected) return false;
  if (needs === 'always') return true;
  if (needs === 'never') return all;
  return needs === 'bare' ? has('bare') || has('full') : has(needs);
}
