import libmime from 'libmime';

/** A header field as it stands: the name with its case, the value unfolded but not decoded. */
export interface Field {
  name: string;
  value: string;
}

/** What a part says that it is. */
export interface ContentType {
  /** `type/subtype`, lower case; `text/plain` where none is given (RFC 2045 §5.2), `application/octet-stream` where it is unclear. */
  mediaType: string;
  /** It stands there twice, or cannot be read: programs differ in what they take the part for. */
  unclear: boolean;
  /** Names in lower case. */
  parameters: Readonly<Record<string, string>>;
}

/** Characters. What is longer is nothing that a program wrote. */
const LONGEST = 16 * 1024;

/** Fields that say what a part is. */
const DEFINING = ['content-type', 'content-transfer-encoding'];
const UNCLEAR = 'application/octet-stream';

export function contentType(fields: readonly Field[]): ContentType {
  const values = fields.filter(({ name }) => name.toLowerCase() === 'content-type').map(({ value }) => value);
  const { mediaType, parameters } = readType(values[0] ?? '');
  const isRepeated = DEFINING.some((name) => fields.filter((field) => field.name.toLowerCase() === name).length > 1);
  const unclear = isRepeated || mediaType === undefined;
  return { mediaType: unclear ? UNCLEAR : mediaType, parameters, unclear };
}

/** Undefined: nobody can say which. Of what stands behind it without a semicolon nothing counts, and so other programs have it. */
function readType(value: string): { mediaType: string | undefined; parameters: Record<string, string> } {
  if (value.length > LONGEST) return { mediaType: undefined, parameters: {} };
  const text = withoutComments(value);
  const { params } = libmime.parseHeaderValue(text);
  const parameters = Object.fromEntries(Object.entries(params).map(([name, param]) => [name.toLowerCase(), String(param)]));
  // Nothing, or the `text` of before there were subtypes (RFC 1049).
  if (/^\s*(text\s*)?(;|$)/i.test(text)) return { mediaType: 'text/plain', parameters };
  const [, mediaType] = /^\s*([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)(?=[\s;]|$)/i.exec(text) ?? [];
  return { mediaType: mediaType?.toLowerCase(), parameters };
}

/** RFC 822's comments, which may stand between the parts of a field (RFC 2045 §5.1); not what is in quotation marks. */
function withoutComments(value: string): string {
  if (!value.includes('(')) return value;
  const kept: string[] = [];
  let depth = 0;
  for (const [token] of value.matchAll(/"(?:[^"\\]|\\.)*"?|\\.?|[^"\\()]+|[()]/gs)) {
    if (token === '(') depth++;
    else if (token === ')' && depth > 0) depth--;
    else if (depth === 0) kept.push(token);
  }
  return kept.join('');
}

/** Of every Content-Type that it has. */
export function everyMediaType({ fields, mediaType }: { fields: readonly Field[]; mediaType: string }): string[] {
  const others = fields
    .filter(({ name }) => name.toLowerCase() === 'content-type')
    .map(({ value }) => readType(value).mediaType ?? UNCLEAR);
  return [...new Set([mediaType, ...others])];
}
