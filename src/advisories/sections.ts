import { type Advisory, paths, type Site, said } from './advisory.ts';
import { fixedIn, nameOf, rangesOf, rangeWords } from './versions.ts';
import { weaknessName } from './weaknesses.ts';

/** Text is as its author wrote it, with its paragraphs; an item is one line, and may be a link. */
export type Block = { text: string } | { items: readonly Item[] };
export interface Item {
  text: string;
  url?: string;
}

export interface Section {
  /** For links into a page. */
  anchor: string;
  title: string;
  blocks: Block[];
}

/** What an advisory says, in its order: the one table of the mail and of the page. A section of nothing is left out. */
export function sectionsOf(advisory: Advisory, site: Site): Section[] {
  const { affected = [], credits = [], patches = [], references = [], cwes = [] } = advisory;
  const sections: Section[] = [
    { anchor: 'withdrawn', title: 'Withdrawn', blocks: text(advisory.withdrawn?.reason) },
    { anchor: 'vulnerable', title: 'Am I vulnerable?', blocks: text(advisory.condition ?? whoIsVulnerable(advisory)) },
    { anchor: 'affected', title: 'Affected versions', blocks: items(affected.map(affectedItem)) },
    { anchor: 'mitigation', title: 'Mitigation', blocks: text(advisory.mitigation) },
    {
      anchor: 'fixed',
      title: 'Fixed versions',
      blocks: [...items(affected.flatMap((entry) => fixedItems(entry))), ...text(advisory.fixImpact)],
    },
    { anchor: 'detection', title: 'Detection', blocks: text(advisory.detection) },
    { anchor: 'details', title: 'Details', blocks: text(advisory.description) },
    {
      anchor: 'weaknesses',
      title: 'Weaknesses',
      blocks: items(cwes.map((id) => ({ text: `${id}: ${weaknessName(id) ?? ''}` }))),
    },
    {
      anchor: 'acknowledgements',
      title: 'Acknowledgements',
      blocks: items(credits.map(({ name, role }) => ({ text: `${name} (${role})` }))),
    },
    { anchor: 'patches', title: 'Patches (SHA-256)', blocks: items(patches.map(patchItem)) },
    {
      anchor: 'references',
      title: 'References',
      blocks: items([
        ...references.map(({ url, summary }) => ({ text: said(summary) ?? url, url })),
        ...documents(advisory, site).map(({ name, path }) => ({ text: name, url: `${site.url}${path}` })),
      ]),
    },
  ];
  return sections.filter(({ blocks }) => blocks.length > 0);
}

function text(words: string | undefined): Block[] {
  const trimmed = said(words);
  return trimmed === undefined ? [] : [{ text: trimmed }];
}

function items(all: readonly Item[]): Block[] {
  return all.length === 0 ? [] : [{ items: all }];
}

function whoIsVulnerable({ affected = [], withdrawn }: Advisory): string | undefined {
  return withdrawn || affected.length === 0 ? undefined : 'You are if you use one of the affected versions.';
}

function affectedItem(entry: Parameters<typeof nameOf>[0]): Item {
  return { text: `${nameOf(entry)}: ${rangesOf(entry).map(rangeWords).join('; ')}` };
}

function fixedItems(entry: Parameters<typeof nameOf>[0]): Item[] {
  const versions = fixedIn(entry);
  return versions.length === 0 ? [] : [{ text: `${nameOf(entry)}: ${versions.join(', ')}` }];
}

function patchItem({ name, sha256, branch, url }: NonNullable<Advisory['patches']>[number]): Item {
  return { text: `${sha256} ${name}${branch === undefined ? '' : ` (${branch})`}`, ...(url === undefined ? {} : { url }) };
}

/** The same for programs, and where it is: a CVE record is there where the project publishes them. */
export function documents(advisory: Advisory, { cna }: Site): { name: string; path: string }[] {
  return [
    { name: 'This advisory', path: paths.page(advisory) },
    { name: 'CSAF 2.0', path: paths.csaf(advisory) },
    { name: 'OSV', path: paths.osv(advisory) },
    ...(advisory.cve && cna ? [{ name: 'CVE record', path: paths.cve(advisory) }] : []),
  ];
}
