// Owns what other modules may use of presence_xml: reading XML from the network as a tree, writing elements anew, and pres-rules.

export { escapeAttribute, escapeText, xmlSafe } from './escape';
export { Labels } from './labels';
export { XML } from './names';
export { compileRules } from './rules/compile';
export { NamespaceKeeper } from './rules/namespaces';
export { attributeOf, type XmlAttribute } from './sink';
export { dropBlanks, elementsOf, parseTree, textOf, type XmlElement } from './tree';
export { assemble, type Fragment, FragmentWriter, Scope } from './write';
