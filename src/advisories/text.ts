import type { Instant } from '../clock.ts';
import { type Notice, when } from '../notices/templates.ts';
import { type Advisory, headline, oneLine, type Rating, type Site, said } from './advisory.ts';
import { type Block, type Section, sectionsOf } from './sections.ts';
import { capitalised, severityWords } from './severity.ts';

/** To the project's own public list. */
export function advisoryMail(advisory: Advisory, site: Site): Notice {
  return { subject: `[Security Advisory] ${headline(advisory)}`, text: bodyOf(advisory, site) };
}

/** To a list of many projects, as oss-security is: the subject says whose it is, and the whole text is in the mail. */
export function ossSecurityMail(advisory: Advisory, site: Site): Notice {
  return { subject: `[${oneLine(site.project)}] ${headline(advisory)}`, text: bodyOf(advisory, site) };
}

function bodyOf(advisory: Advisory, site: Site): string {
  const { severity } = advisory;
  const summary = said(advisory.summary);
  const head = [
    oneLine(advisory.title),
    '',
    `Project:   ${oneLine(site.project)}`,
    `Case:      ${advisory.caseId}`,
    ...(advisory.cve ? [`CVE:       ${advisory.cve}`] : []),
    ...(severity ? [`Severity:  ${severityWords(severity)}`] : []),
    `Published: ${when(advisory.releasedAt)}`,
    ...(summary === undefined ? [] : ['', summary]),
  ];
  return `${[...head, ...sectionsOf(advisory, site).flatMap(sectionLines)].join('\n')}\n`;
}

function sectionLines({ title, blocks }: Section): string[] {
  return [
    '',
    title,
    '-'.repeat(title.length),
    '',
    ...blocks.flatMap((block, index) => [...(index > 0 ? [''] : []), ...blockLines(block)]),
  ];
}

function blockLines(block: Block): string[] {
  if ('text' in block) return [block.text];
  return block.items.map(({ text, url }) => `* ${oneLine(text)}${url === undefined || url === text ? '' : `: ${url}`}`);
}

/**
 * The public word that a fix will come: the instant; how bad it is at most, how many holes there are and which CVE id they have, as far as
 * that may be told; what helps until then where something does; and nothing else. It is no function of an Advisory, so that nothing of one can get into it.
 */
export function forthcomingMail(facts: {
  project: string;
  releaseAt: Instant;
  highest: Rating | null;
  /** How many; null where that is not told. */
  count: number | null;
  cve: string | null;
  mitigation?: string;
}): Notice {
  const mitigation = said(facts.mitigation);
  const told = [
    ...(facts.highest === null ? [] : [`Highest severity: ${capitalised(facts.highest)}`]),
    ...(facts.count === null ? [] : [`Issues: ${facts.count}`]),
    ...(facts.cve === null ? [] : [`CVE: ${oneLine(facts.cve)}`]),
  ];
  const lines = [
    `${oneLine(facts.project)} will release a security fix at`,
    `  ${when(facts.releaseAt)}`,
    ...(told.length === 0 ? [] : ['', ...told]),
    ...(mitigation === undefined ? [] : ['', 'Until then:', '', mitigation]),
    '',
    'Please plan for an update. We say nothing more before that instant.',
  ];
  return { subject: `[${oneLine(facts.project)}] Security release on ${when(facts.releaseAt)}`, text: `${lines.join('\n')}\n` };
}

/** What a person wrote in such a mail, with LF line ends; null where that is nothing. */
export function mitigationIn(text: string): string | null {
  return /\n\nUntil then:\n\n([\s\S]*)\n\nPlease plan for an update\./.exec(text)?.[1] ?? null;
}
