// Owns which services, persons and devices of a document a view lets be seen (RFC 5025 §3.3.1).
import { DATA_MODEL, PIDF, RPID } from '../names';
import { attributeOf } from '../sink';
import { elementsOf, textOf, type XmlElement } from '../tree';
import { collapse } from './document';
import { hasUri, uriForm } from './equivalence';
import type { Selection } from './permissions';

/** Whether one of the selectors names this tuple, person or device. */
export function isSelected({ all, selectors }: Selection, component: XmlElement): boolean {
  if (all) return true;
  if (selectors.size === 0) return false;
  const id = attributeOf(component, 'id');
  if (id !== undefined && selectors.has(`occurrence-id ${collapse(id.value)}`)) return true;
  for (const child of elementsOf(component)) {
    if (child.uri === RPID && child.local === 'class' && selectors.has(`class ${collapse(textOf(child))}`)) return true;
  }
  if (component.local === 'tuple') return isServiceSelected(selectors, component);
  return component.local === 'device' && isDeviceSelected(selectors, component);
}

/** The scheme is compared as it is written (RFC 5025 §3.3.1.3 has case-sensitive equality). */
function isServiceSelected(selectors: ReadonlySet<string>, tuple: XmlElement): boolean {
  const contact = onlyText(tuple, PIDF, 'contact');
  if (contact === undefined) return false;
  const colon = contact.indexOf(':');
  if (colon !== -1 && selectors.has(`service-uri-scheme ${contact.slice(0, colon)}`)) return true;
  const form = uriForm(contact);
  return form !== undefined && hasUri(selectors, 'service-uri', form);
}

function isDeviceSelected(selectors: ReadonlySet<string>, device: XmlElement): boolean {
  const form = uriForm(onlyText(device, DATA_MODEL, 'deviceID') ?? '');
  return form !== undefined && hasUri(selectors, 'deviceID', form);
}

/** The text of the one child of a name. Where there are several, which the schemas do not allow, none of them decides. */
function onlyText(component: XmlElement, uri: string, local: string): string | undefined {
  const [first, second] = elementsOf(component).filter((child) => child.uri === uri && child.local === local);
  return first === undefined || second !== undefined ? undefined : collapse(textOf(first));
}
