import { type Advisory, type Affected, oneLine, RATINGS, ROLES, type Severity, said } from './advisory.ts';
import { boundsOf, kindOf } from './versions.ts';
import { weaknessName } from './weaknesses.ts';

/** An absolute http(s) URL in RFC 3986's own characters, of a host without a user. */
const URL_FORM =
  /^https?:\/\/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?([/?]([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?(#([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?$/;

/** `pkg:npm/%40orbit/gateway`: a package URL without version, qualifiers and subpath. */
const PURL = /^pkg:[a-z][a-z0-9.-]*(\/([A-Za-z0-9._~+-]|%[0-9A-F]{2})+)+$/;

/** What a type of package URL does not allow (purl-spec, PURL-TYPES): some have to have a version, a namespace, or no namespace. */
const PURL_NOT = [/^pkg:(cran|swift)\//, /^pkg:(conan|mlflow|oci)\/[^/]+\//, /^pkg:maven\/[^/]+$/, /^pkg:pub\/.*[^a-z0-9_/]/];

/** CVSS 3.0 and 3.1 (FIRST's JSON schemas), and 4.0 §7. */
const VECTOR: readonly RegExp[] = [
  /^CVSS:3[.][01](\/(AV:[NALP]|AC:[LH]|PR:[NLH]|UI:[NR]|S:[UC]|[CIA]:[NLH]|E:[XUPFH]|RL:[XOTWU]|RC:[XURC]|[CIA]R:[XLMH]|MAV:[XNALP]|MAC:[XLH]|MPR:[XNLH]|MUI:[XNR]|MS:[XUC]|M[CIA]:[XNLH])){8,22}$/,
  /^CVSS:4[.]0\/AV:[NALP]\/AC:[LH]\/AT:[NP]\/PR:[NLH]\/UI:[NPA]\/VC:[HLN]\/VI:[HLN]\/VA:[HLN]\/SC:[HLN]\/SI:[HLN]\/SA:[HLN](\/E:[XAPU])?(\/CR:[XHML])?(\/IR:[XHML])?(\/AR:[XHML])?(\/MAV:[XNALP])?(\/MAC:[XLH])?(\/MAT:[XNP])?(\/MPR:[XNLH])?(\/MUI:[XNPA])?(\/MVC:[XNLH])?(\/MVI:[XNLH])?(\/MVA:[XNLH])?(\/MSC:[XNLH])?(\/MSI:[XNLHS])?(\/MSA:[XNLHS])?(\/S:[XNP])?(\/AU:[XNY])?(\/R:[XAUI])?(\/V:[XDC])?(\/RE:[XLMH])?(\/U:(X|Clear|Green|Amber|Red))?$/,
];
/** The base metrics of version 3, each once: their order is free. */
const BASE = ['AV', 'AC', 'PR', 'UI', 'S', 'C', 'I', 'A'];

/**
 * A version as every format takes it: 1 to 1024 printable characters without a blank. What reads like a range is none (CSAF 2.0
 * §6.1.31).
 */
const VERSION = /^(?!(after|all|before|earlier|later|prior|versions)$)[^\s<>\p{Cc}\p{Cs}]{1,1024}$/iu;

/**
 * Why documents of it would not be valid, a line each; none: all that are made here are valid by their schemas. To be asked before
 * people approve it, as at the instant it is too late. Whether the score is that of the vector is for whoever computes scores.
 */
export function faultsOf(advisory: Advisory): string[] {
  const { caseId, cve, cwes = [], severity, affected = [], credits = [], references = [], patches = [] } = advisory;
  return [
    ...unless(/^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/.test(caseId), `${caseId} is no case id`),
    ...unless(oneLine(advisory.title) !== '', 'it has no title'),
    ...unless(said(advisory.description) !== undefined, 'it has no description'),
    ...unless(cve == null || /^CVE-\d{4}-\d{4,19}$/.test(cve), `${cve} is no CVE id`),
    ...cwes.flatMap((id) => unless(weaknessName(id) !== undefined, `${id} is no weakness of CWE 4.17`)),
    ...(severity ? severityFaults(severity) : []),
    ...affected.flatMap(affectedFaults),
    ...credits.flatMap(({ name, role }) => [
      ...unless(said(name) !== undefined && name.length <= 1000, 'a credit has no name, or one of more than 1000 characters'),
      ...unless(ROLES.includes(role), `${role} is no kind of credit`),
    ]),
    ...[...references, ...patches].flatMap(({ url }) => (url === undefined ? [] : unless(isWebUrl(url), notUrl(url)))),
    ...unless(references.length <= 500, 'it has more than 500 references'),
    ...patches.flatMap(({ name, sha256 }) => [
      ...unless(said(name) !== undefined, 'a patch has no name'),
      ...unless(/^[0-9a-f]{64}$/.test(sha256), `${sha256} is no SHA-256 in hexadecimal digits`),
    ]),
    ...(advisory.withdrawn ? unless(said(advisory.withdrawn.reason) !== undefined, 'it is withdrawn without a reason') : []),
  ];
}

export function isWebUrl(url: string): boolean {
  return url.length <= 2048 && URL_FORM.test(url) && URL.canParse(url);
}

function notUrl(url: string): string {
  return `${url} is no URL that begins with http:// or https:// and is written in ASCII`;
}

function isPurl(purl: string): boolean {
  return PURL.test(purl) && !PURL_NOT.some((form) => form.test(purl));
}

function severityFaults({ vector, score, base, rating }: Severity): string[] {
  return [
    ...unless(RATINGS.includes(rating), `${rating} is no rating`),
    ...unless(vector === null || isVector(vector), `${vector} is no vector of CVSS 3.0, 3.1 or 4.0`),
    ...[...new Set([score, base])].flatMap((one) =>
      unless(one === null || (one >= 0 && one <= 10 && Number(one.toFixed(1)) === one), `${one} is no score of CVSS`),
    ),
  ];
}

function isVector(vector: string): boolean {
  if (!VECTOR.some((form) => form.test(vector))) return false;
  if (vector.startsWith('CVSS:4')) return true;
  const metrics = vector.split('/').map((metric) => metric.split(':')[0] ?? '');
  return new Set(metrics).size === metrics.length && BASE.every((metric) => metrics.includes(metric));
}

function affectedFaults(entry: Affected): string[] {
  const { product, component, versions, package: of, repo } = entry;
  const named = versions.flatMap(({ introduced, fixed, lastAffected }) => [introduced, fixed, lastAffected]);
  return [
    ...unless(
      said(product) !== undefined && product.length <= 1000,
      'a product has no name, or one of more than 1000 characters',
    ),
    ...unless(
      component === undefined || (said(component) !== undefined && component.length <= 1000),
      `a component of ${product} has no name, or one of more than 1000 characters`,
    ),
    ...named.flatMap((version) =>
      unless(version === undefined || VERSION.test(version), `"${version}" is no version of ${product}`),
    ),
    ...versions.flatMap((range) => {
      const { from, before } = boundsOf(range);
      return unless(from === null || from !== before, `${product} is fixed in ${from}, where the hole comes in`);
    }),
    ...unless(repo !== undefined || versions.every((range) => kindOf(range) !== 'git'), `${product}: commits need a repository`),
    ...(repo === undefined ? [] : unless(isWebUrl(repo), notUrl(repo))),
    ...(of === undefined
      ? []
      : unless(
          said(of.name) !== undefined && of.name.length <= 1000,
          `a package of ${product} has no name, or one of more than 1000 characters`,
        )),
    ...(of?.purl === undefined ? [] : unless(isPurl(of.purl), `${of.purl} is no package URL without a version`)),
  ];
}

function unless(holds: boolean, fault: string): string[] {
  return holds ? [] : [fault];
}
