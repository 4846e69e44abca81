import { type Affected, distinct, type VersionRange } from './advisory.ts';
import { boundsOf, fixedIn, kindOf, nameOf, rangesOf, rangeWords } from './versions.ts';

/** A branch of CSAF's product tree (CSAF 2.0 §3.1.2): with further ones, or with the one product that it ends in. */
export type Branch = { category: string; name: string } & ({ branches: Branch[] } | { product: FullProductName });

interface FullProductName {
  name: string;
  product_id: string;
  product_identification_helper?: { purl: string };
}

export interface Products {
  branches: Branch[];
  /** Product ids. */
  affected: string[];
  fixed: string[];
  /** Of those that are affected: there is a version that mends them. */
  mended: string[];
}

/**
 * Vendor, product, versions: a branch for each range that is affected, and for each version that is fixed. A version is never both,
 * as the two have ids of their own.
 */
export function productsOf(vendor: string, entries: readonly Affected[]): Products {
  const found: Omit<Products, 'branches'> = { affected: [], fixed: [], mended: [] };
  let count = 0;
  const nextId = () => `CSAFPID-${String(++count).padStart(4, '0')}`;
  const leaf = (category: string, name: string, product: Omit<FullProductName, 'product_id'>, into: string[]): Branch => {
    const product_id = nextId();
    into.push(product_id);
    return { category, name, product: { ...product, product_id } };
  };
  const products = byName(entries).map(([name, ofName]): Branch => {
    const ranges = distinct(ofName.flatMap((entry) => rangesOf(entry).map((range) => ({ range, purl: entry.package?.purl }))));
    const affected = ranges.map(({ range, purl }) => {
      const full = { name: `${vendor} ${name} ${rangeWords(range)}`, ...identifiedBy(purl) };
      const branch = leaf('product_version_range', versOf(range, purl), full, found.affected);
      if (range.fixed !== undefined) found.mended.push(...found.affected.slice(-1));
      return branch;
    });
    const fixed = fixesOf(ofName).map(([version, purl]) => {
      const full = { name: `${vendor} ${name} ${version}`, ...identifiedBy(withVersion(purl, version)) };
      return leaf('product_version', version, full, found.fixed);
    });
    return { category: 'product_name', name, branches: [...affected, ...fixed] };
  });
  return { branches: [{ category: 'vendor', name: vendor, branches: products }], ...found };
}

function byName(entries: readonly Affected[]): [string, Affected[]][] {
  const names = new Map<string, Affected[]>();
  for (const entry of entries) names.set(nameOf(entry), [...(names.get(nameOf(entry)) ?? []), entry]);
  return [...names];
}

/** Each version once, with the package URL of an entry that says it. */
function fixesOf(entries: readonly Affected[]): [string, string | undefined][] {
  return [...new Map(entries.flatMap((entry) => fixedIn(entry).map((fix) => [fix, entry.package?.purl] as const)))];
}

/** Undefined where there is none: of golang, a version is a semantic one. */
function withVersion(purl: string | undefined, version: string): string | undefined {
  const fits = !purl?.startsWith('pkg:golang/') || kindOf({ fixed: version.replace(/^v/, '') }) === 'semver';
  return purl && fits ? `${purl}@${encoded(version)}` : undefined;
}

function identifiedBy(purl: string | undefined): Pick<FullProductName, 'product_identification_helper'> {
  return purl === undefined ? {} : { product_identification_helper: { purl } };
}

/** How the versions of a package are ordered, by the type in its package URL (the vers specification's registered schemes). */
const SCHEMES: readonly string[] = ['deb', 'gem', 'golang', 'maven', 'npm', 'nuget', 'pypi', 'rpm'];

/** `vers:semver/>=1.2.0|<1.4.0` (CSAF 2.0 §3.1.2.3.2). */
function versOf(range: VersionRange, purl: string | undefined): string {
  const { from, before, upTo } = boundsOf(range);
  const type = /^pkg:([^/]+)\//.exec(purl ?? '')?.[1] ?? '';
  const scheme = SCHEMES.includes(type) ? type : kindOf(range) === 'semver' ? 'semver' : 'generic';
  const bounds = [
    ...(from === null ? [] : [from === upTo ? encoded(from) : `>=${encoded(from)}`]),
    ...(before === null ? [] : [`<${encoded(before)}`]),
    ...(upTo === null || upTo === from ? [] : [`<=${encoded(upTo)}`]),
  ];
  return `vers:${scheme}/${bounds.length === 0 ? '*' : bounds.join('|')}`;
}

/** Nothing of a version may be taken for a sign of the range. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
