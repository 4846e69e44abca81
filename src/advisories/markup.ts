/** Text that is HTML or XML already. Only `markup` makes it, so that whatever else is put in has been escaped. */
export interface Markup {
  readonly markup: string;
}

type Value = string | number | Markup | readonly Markup[];

/**
 * HTML and XML by template: `` markup`<p>${text}</p>` ``. What is put in is escaped, for text and for attributes in quotes alike, unless
 * it is markup itself. It must not stand in a script, in a style, in a comment, or in the name of anything.
 */
export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return { markup: parts.map((part, index) => part + (index < values.length ? written(values[index] ?? '') : '')).join('') };
}

export const nothing: Markup = { markup: '' };

function written(value: Value): string {
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return 'markup' in value ? value.markup : value.map((one) => one.markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return allowed(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** XML 1.0 §2.2 has no other control characters, halves of surrogate pairs or non-characters, not even escaped; HTML wants none. */
function allowed(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, (one) => (/[\t\n\r]/.test(one) ? one : '\ufffd'));
}
