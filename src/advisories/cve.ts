import { toIso } from '../clock.ts';
import {
  type Advisory,
  type Affected,
  distinct,
  oneLine,
  paths,
  type Reference,
  type Site,
  said,
  updatedAt,
} from './advisory.ts';
import { capitalised, cvssMembers, cvssOf, severityWords } from './severity.ts';
import { boundsOf, fixedIn, kindOf, nameOf } from './versions.ts';
import { weaknessName } from './weaknesses.ts';

/*
 * CVE Record Format 5.1.1: what the project, as a CVE Numbering Authority (CNA), says of its id.
 */

/** Null where there is no CVE id, or the project is no CNA. One that is withdrawn rejects its id. */
export function cveRecord(advisory: Advisory, site: Site) {
  const { cve, withdrawn } = advisory;
  const { cna } = site;
  if (!cve || !cna) return null;
  const dateUpdated = toIso(updatedAt(advisory));
  const shortName = cna.shortName === undefined ? {} : { shortName: cna.shortName };
  const container = { providerMetadata: { orgId: cna.orgId, ...shortName, dateUpdated } };
  const metadata = {
    cveId: cve,
    assignerOrgId: cna.orgId,
    ...(cna.shortName === undefined ? {} : { assignerShortName: cna.shortName }),
    datePublished: toIso(advisory.releasedAt),
    dateUpdated,
  };
  return {
    dataType: 'CVE_RECORD',
    dataVersion: '5.1.1',
    cveMetadata: withdrawn
      ? { ...metadata, state: 'REJECTED', dateRejected: toIso(withdrawn.at) }
      : { ...metadata, state: 'PUBLISHED' },
    containers: {
      cna: withdrawn
        ? { ...container, rejectedReasons: [english(withdrawn.reason)] }
        : { ...container, ...published(advisory, site) },
    },
  };
}

function published(advisory: Advisory, site: Site) {
  const { cwes = [], severity, affected = [], mitigation, credits = [], condition } = advisory;
  return {
    title: cut(oneLine(advisory.title), 256),
    datePublic: toIso(advisory.releasedAt),
    descriptions: [english(said(advisory.summary) ? `${advisory.summary}\n\n${advisory.description}` : advisory.description)],
    affected: affected.length === 0 ? [unknownProduct(site)] : affected.map((entry) => product(entry, site)),
    ...(cwes.length === 0 ? {} : { problemTypes: distinct(cwes).map(problemType) }),
    ...(severity ? { metrics: [metric(severity)] } : {}),
    ...(said(condition) ? { configurations: [english(condition ?? '')] } : {}),
    ...(said(mitigation) ? { workarounds: [english(mitigation ?? '')] } : {}),
    ...solutions(affected),
    ...(credits.length === 0
      ? {}
      : { credits: distinct(credits).map(({ name, role }) => ({ lang: 'en', value: name, type: role })) }),
    references: references(advisory, site),
    source: { defect: [advisory.caseId], discovery: 'UNKNOWN' },
    x_generator: { engine: 'Curfew' },
  };
}

/** `description`: at most 4096 characters. */
function english(text: string) {
  return { lang: 'en', value: cut(text.trim(), 4096) };
}

function cut(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 3).join('')}...`;
}

/** A record names a product, and says of its versions what is known. */
function unknownProduct({ project, publisher }: Site) {
  return { vendor: cut(publisher.name, 512), product: project, defaultStatus: 'unknown' };
}

function product(entry: Affected, { publisher }: Site) {
  const { component, package: of, repo, versions } = entry;
  return {
    vendor: cut(publisher.name, 512),
    product: entry.product,
    ...(of ? { packageName: of.name } : {}),
    ...(component === undefined ? {} : { modules: [component] }),
    ...(repo === undefined ? {} : { repo }),
    ...(versions.length === 0
      ? { defaultStatus: 'affected' }
      : { defaultStatus: 'unaffected', versions: distinct(versions.map(versionOf)) }),
  };
}

/** `*`: every later one. */
function versionOf(range: Affected['versions'][number]) {
  const { from, before, upTo } = boundsOf(range);
  const kind = kindOf(range);
  const end = upTo === null ? { lessThan: before ?? '*' } : { lessThanOrEqual: upTo };
  return { version: from ?? '0', status: 'affected', versionType: kind === 'other' ? 'custom' : kind, ...end };
}

function problemType(id: string) {
  const name = weaknessName(id);
  return { descriptions: [{ lang: 'en', type: 'CWE', cweId: id, description: name === undefined ? id : `${id} ${name}` }] };
}

/** A severity without a vector is one of the project's own. */
function metric(severity: NonNullable<Advisory['severity']>) {
  const cvss = cvssOf(severity);
  if (!cvss)
    return { other: { type: 'Severity', content: { text: severityWords(severity), rating: capitalised(severity.rating) } } };
  return { format: 'CVSS', [`cvssV${cvss.version.replace('.', '_')}`]: cvssMembers(cvss) };
}

function solutions(affected: readonly Affected[]) {
  const lines = affected.flatMap((entry) => {
    const versions = fixedIn(entry);
    return versions.length === 0 ? [] : [`${nameOf(entry)}: fixed in ${versions.join(', ')}`];
  });
  return lines.length === 0 ? {} : { solutions: [english(lines.join('\n'))] };
}

function references(advisory: Advisory, { url }: Site) {
  const own = { url: `${url}${paths.page(advisory)}`, tags: ['vendor-advisory'] };
  const others = (advisory.references ?? []).map(({ url, summary }: Reference) => {
    const name = said(summary);
    return name === undefined ? { url } : { url, name: cut(oneLine(name), 512) };
  });
  return distinct([own, ...others]);
}
