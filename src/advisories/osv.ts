import { toIso } from '../clock.ts';
import {
  type Advisory,
  type Affected,
  distinct,
  oneLine,
  paths,
  type Site,
  said,
  updatedAt,
  type VersionRange,
} from './advisory.ts';
import { cvssOf } from './severity.ts';
import { boundsOf, kindOf, nameOf, rangesOf, rangeWords } from './versions.ts';

/*
 * Open Source Vulnerability format (OSV schema 1.7).
 */

/** The ecosystems that OSV knows (its schema, `ecosystemWithSuffix`). A package of another one has no place in `package`. */
const ECOSYSTEM =
  /^(AlmaLinux|Alpaquita|Alpine|Android|Azure Linux|BellSoft Hardened Containers|Bioconductor|Bitnami|Chainguard|CleanStart|ConanCenter|CRAN|Debian|Docker Hardened Images|Echo|FreeBSD|GHC|GitHub Actions|Go|Hackage|Hex|Julia|Kubernetes|Linux|Mageia|Maven|MinimOS|npm|NuGet|opam|openEuler|openSUSE|OSS-Fuzz|Packagist|Photon OS|Pub|PyPI|Red Hat|Rocky Linux|Root|RubyGems|SUSE|SwiftURL|TuxCare|Ubuntu|VSCode|Wolfi|GIT)(:.+)?$/;

/** Those whose versions are semantic ones, so that no list of versions is needed to compare them. */
const SEMANTIC: readonly string[] = ['Go', 'Hex', 'Julia', 'Kubernetes', 'npm', 'Pub', 'SwiftURL', 'VSCode'];

/** The id has the prefix of a database that is not registered with OSV. */
export function osvDocument(advisory: Advisory, site: Site) {
  const { caseId, cve, cwes = [], severity, affected = [], credits = [], withdrawn } = advisory;
  const cvss = cvssOf(severity);
  return {
    schema_version: '1.7.0',
    id: `x_${caseId}`,
    modified: toIso(updatedAt(advisory)),
    published: toIso(advisory.releasedAt),
    ...(withdrawn ? { withdrawn: toIso(withdrawn.at) } : {}),
    ...(cve ? { aliases: [cve] } : {}),
    summary: oneLine(advisory.title),
    details: details(advisory),
    ...(cvss ? { severity: [{ type: cvss.version === '4.0' ? 'CVSS_V4' : 'CVSS_V3', score: cvss.vector }] } : {}),
    ...(affected.length === 0 ? {} : { affected: affected.map(affectedOf) }),
    references: [
      { type: 'ADVISORY', url: `${site.url}${paths.page(advisory)}` },
      ...(advisory.references ?? []).map(({ url }) => ({ type: 'WEB', url })),
    ],
    ...(credits.length === 0
      ? {}
      : { credits: credits.map(({ name, role }) => ({ name, type: role.toUpperCase().replace(' ', '_') })) }),
    database_specific: { case: caseId, ...(cwes.length === 0 ? {} : { cwe_ids: cwes }) },
  };
}

function details({ summary, description, condition, detection, mitigation, withdrawn }: Advisory): string {
  const parts = [
    withdrawn && `Withdrawn: ${withdrawn.reason}`,
    summary,
    description,
    condition && `Am I vulnerable?\n\n${condition}`,
    mitigation && `Mitigation\n\n${mitigation}`,
    detection && `Detection\n\n${detection}`,
  ];
  return parts.flatMap((part) => said(part) ?? []).join('\n\n');
}

type RangeType = 'SEMVER' | 'ECOSYSTEM' | 'GIT';

/** What OSV cannot compare is told in words. */
function affectedOf(entry: Affected) {
  const { package: named, repo } = entry;
  const of = named && ECOSYSTEM.test(named.ecosystem) ? named : undefined;
  const typed = rangesOf(entry).map((range) => ({ range, type: typeOf(range, of?.ecosystem, repo) }));
  const ranges = typed.flatMap(({ range, type }) =>
    type === null ? [] : [{ type, ...(type === 'GIT' ? { repo } : {}), events: eventsOf(range) }],
  );
  return {
    ...(of ? { package: { ecosystem: of.ecosystem, name: of.name, ...(of.purl === undefined ? {} : { purl: of.purl }) } } : {}),
    ...(ranges.length === 0 ? {} : { ranges: distinct(ranges) }),
    database_specific: { product: nameOf(entry), versions: typed.map(({ range }) => rangeWords(range)) },
  };
}

/** Without a package the order of versions is known of semantic ones and of commits alone. */
function typeOf(range: VersionRange, ecosystem: string | undefined, repo: string | undefined): RangeType | null {
  const kind = kindOf(range);
  if (kind === 'git') return repo === undefined ? null : 'GIT';
  if (ecosystem === undefined) return kind === 'semver' ? 'SEMVER' : null;
  return kind === 'semver' && SEMANTIC.includes(ecosystem.replace(/:.*/, '')) ? 'SEMVER' : 'ECOSYSTEM';
}

function eventsOf(range: VersionRange) {
  const { from, before, upTo } = boundsOf(range);
  return [
    { introduced: from ?? '0' },
    ...(before === null ? [] : [{ fixed: before }]),
    ...(upTo === null ? [] : [{ last_affected: upTo }]),
  ];
}
