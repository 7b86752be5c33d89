// Owns the sphere of a presentity as its rules see it (RFC 5025 §3.1.2): the one value that all its publications agree on.
import { RecentMemo } from '../../core/api';
import type { PublishedDocument } from '../presence/api';
import { DATA_MODEL, RPID } from './names';
import { collapse } from './rules/document';
import { elementsOf, readTree, textOf, type XmlElement } from './tree';

const found = new RecentMemo<Buffer, readonly string[]>(16_384);
const none: readonly string[] = [];

/** Undefined when no person of any publication has a sphere, and when two of them differ (in more than case). */
export function sphereOf(publications: readonly PublishedDocument[]): string | undefined {
  let sphere: string | undefined;
  for (const { body } of publications) {
    for (const value of spheresIn(body)) {
      if (sphere === undefined) sphere = value;
      else if (sphere.toLowerCase() !== value.toLowerCase()) return undefined;
    }
  }
  return sphere;
}

function spheresIn(body: Buffer): readonly string[] {
  // A body that does not hold the word in UTF-8 has no element of that name: names are not written with references.
  if (!body.includes('sphere')) return none;
  let spheres = found.get(body);
  if (spheres === undefined) {
    spheres = readSpheres(readTree(body));
    found.set(body, spheres);
  }
  return spheres;
}

function readSpheres(root: XmlElement | undefined): readonly string[] {
  if (root === undefined) return none;
  const spheres: string[] = [];
  for (const person of elementsOf(root)) {
    if (person.uri !== DATA_MODEL || person.local !== 'person') continue;
    for (const child of elementsOf(person)) {
      if (child.uri === RPID && child.local === 'sphere') spheres.push(textOrName(child));
    }
  }
  return spheres.filter((value) => value !== '');
}

/** RFC 4480 §3.10: an element `home`, `work` or `unknown`, or text. */
function textOrName(sphere: XmlElement): string {
  return collapse(textOf(sphere)) || (elementsOf(sphere)[0]?.local ?? '');
}
