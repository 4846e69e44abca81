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

const UNCLEAR = 'application/octet-stream';

/** `usual`: what it is where it does not say. */
export function contentType(fields: readonly Field[], usual = 'text/plain'): ContentType {
  const values = valuesOf(fields, 'content-type');
  const { mediaType, parameters } = values[0] === undefined ? { mediaType: usual, parameters: {} } : readType(values[0]);
  const encodings = valuesOf(fields, 'content-transfer-encoding').map((value) => value.toLowerCase());
  const isRepeated = new Set(values).size > 1 || new Set(encodings).size > 1;
  const unclear = isRepeated || mediaType === undefined;
  return { mediaType: unclear ? UNCLEAR : mediaType, parameters, unclear };
}

function valuesOf(fields: readonly Field[], wanted: string): string[] {
  return fields.filter(({ name }) => name.toLowerCase() === wanted).map(({ value }) => value.trim());
}

/** Undefined: nobody can say which. Of what stands behind it without a semicolon nothing counts, and so other programs have it. */
function readType(value: string): { mediaType: string | undefined; parameters: Record<string, string> } {
  if (value.length > LONGEST) return { mediaType: undefined, parameters: {} };
  const text = withoutComments(value);
  const { params } = libmime.parseHeaderValue(text);
  const parameters = Object.fromEntries(Object.entries(params).map(([name, param]) => [name.toLowerCase(), String(param)]));
  // Nothing, or the `text` of before there were subtypes (RFC 1049).
  if (/^\s*(text\s*)?(;|$)/i.test(text)) return { mediaType: 'text/plain', parameters };
  const [, written] = /^\s*([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)(?=[\s;(]|$)/i.exec(text) ?? [];
  const mediaType = written?.toLowerCase();
  const isDivided = mediaType?.startsWith('multipart/') && parameters['boundary'] !== undefined;
  return { mediaType: isDivided && boundaryIn(text) !== parameters['boundary'] ? undefined : mediaType, parameters };
}

const BOUNDARY = /;\s*boundary\s*(\*[^=;]*)?=\s*(?:"([^"\\]*)"|([^\s;"\\]+))\s*(?=;|$)/gi;

/** The one that every program reads (RFC 2046 §5.1.1): there once, whole, of printable ASCII. Undefined where programs would differ. */
function boundaryIn(text: string): string | undefined {
  const [only, ...more] = text.matchAll(BOUNDARY);
  const boundary = only?.[2] ?? only?.[3];
  if (more.length > 0 || only?.[1] !== undefined || (text.match(/\bboundary\s*[*=]/gi) ?? []).length > 1) return undefined;
  return boundary !== undefined && /^[ -~]*[!-~]$/.test(boundary) ? boundary : undefined;
}

/** RFC 822's comments, which may stand between the parts of a field (RFC 2045 §5.1): not in quotation marks, nor within a word. */
function withoutComments(value: string): string {
  if (!value.includes('(')) return value;
  const kept: string[] = [];
  let depth = 0;
  for (const [token] of value.matchAll(/"(?:[^"\\]|\\.)*"?|\\.?|[^"\\()]+|[()]/gs)) {
    if (token === '(' && (depth > 0 || /(^|[\s;])$/.test(kept.at(-1)?.slice(-1) ?? ''))) depth++;
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
