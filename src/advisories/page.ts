import { createHash } from 'node:crypto';
import { type Instant, toIso } from '../clock.ts';
import { when } from '../notices/templates.ts';
import { paths, type Site } from './advisory.ts';
import { type Markup, markup } from './markup.ts';

/*
 * The frame of all public pages: HTML without scripts, and without anything from elsewhere. Links within the site have no host, so that
 * a page is the same wherever it is looked at.
 */

const STYLE = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 48rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
nav a { margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid GrayText; }
dt { font-weight: bold; }
dd { margin: 0 0 .5rem; }
.text { white-space: pre-wrap; }
.notice { border: 2px solid; padding: .5rem 1rem; }
code { font-family: ui-monospace, monospace; }
@media print { nav { display: none; } body { max-width: none; padding: 0; } a { color: inherit; } h2 { break-after: avoid; } }
`;

/** The Content-Security-Policy that every page is served with: the one style is known by its hash. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A whole page, below one heading. */
export function framed({ project }: Site, title: string, content: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} - ${project}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="alternate" type="application/atom+xml" title="${project}: security advisories" href="${paths.feed}">
<style>${{ markup: STYLE }}</style>
</head>
<body>
<header><nav aria-label="Site"><a href="${paths.index}">Advisories</a><a href="${paths.policy}">Policy</a><a href="${paths.keys}">Keys</a></nav></header>
<main>
<h1>${title}</h1>
${content}</main>
</body>
</html>
`.markup;
}

/** An instant for people and programs. */
export function timeOf(instant: Instant): Markup {
  return markup`<time datetime="${toIso(instant)}">${when(instant)}</time>`;
}

/** Text as its author wrote it: its lines and indents stay. */
export function textOf(text: string): Markup {
  return markup`${text.split(/\r?\n(?:[ \t]*\r?\n)+/).map((paragraph) => markup`<p class="text" dir="auto">${paragraph}</p>\n`)}`;
}
