import { type TArray, type TArrayOptions, type TObject, type TObjectOptions, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';

export interface Problem {
  /** `smtp.limits.size`, `contacts[1].address`; empty where the value as a whole is meant. */
  path: string;
  /** What is wrong and what is allowed. */
  message: string;
}

/**
 * Everything in `value` that `schema` does not allow, said by the schema's own descriptions.
 * Texts at the paths of `secret` are not quoted, nor are long ones.
 */
export function problemsOf(schema: TSchema, value: unknown, secret: ReadonlySet<string> = new Set(), path = ''): Problem[] {
  if (Type.IsObject(schema)) {
    if (value === undefined || isRecord(value)) {
      const inside = inObject(schema.properties, value ?? {}, secret, path);
      const { minProperties: least = 0 } = schema as typeof schema & TObjectOptions;
      if (inside.length > 0 || Object.keys(value ?? {}).length >= least) return inside;
      return [{ path, message: `is ${shown(value, false)}; must have some of ${Object.keys(schema.properties).join(', ')}` }];
    }
    return [{ path, message: `is ${shown(value, secret.has(path))}; must be ${objectOf(schema)}` }];
  }
  if (Type.IsArray(schema) && Array.isArray(value)) {
    const inside = value.flatMap((item: unknown, i) => problemsOf(schema.items, item, secret, `${path}[${i}]`));
    return inside.length > 0 ? inside : miscounted(schema, value, path);
  }
  if (Type.IsRecord(schema) && isRecord(value)) return inRecord(schema.patternProperties, value, secret, path);
  const other = otherThanNull(schema);
  if (other) return value === null ? [] : problemsOf(other, value, secret, path);
  // Any other union is a leaf: its description names all forms, which says more than why each of them did not match.
  if (Value.Check(schema, value)) return [];
  const is = value === undefined ? 'is missing' : `is ${shown(value, secret.has(path))}`;
  return [{ path, message: `${is}; must be ${allowedBy(schema)}` }];
}

/** What a schema allows: in its own words, or by what it is made of. */
function allowedBy(schema: TSchema): string {
  if ('description' in schema) return String(schema.description);
  if (Type.IsObject(schema)) return objectOf(schema);
  if (Type.IsArray(schema)) return `an array, each entry ${allowedBy(schema.items)}`;
  if (Type.IsUnion(schema)) return oneOf(schema.anyOf.map(allowedBy));
  if (Type.IsEnum(schema)) return oneOf(schema.enum.map((value) => JSON.stringify(value)));
  if (Type.IsLiteral(schema)) return JSON.stringify(schema.const);
  if (Type.IsNull(schema)) return 'null';
  if (Type.IsBoolean(schema)) return 'true or false';
  if (Type.IsInteger(schema)) return 'a whole number';
  if (Type.IsString(schema)) return 'pattern' in schema ? `a text that matches ${schema.pattern}` : 'a text';
  return Type.IsRecord(schema) ? 'an object' : 'something else';
}

function objectOf({ properties }: TObject): string {
  return `an object with ${Object.keys(properties).join(', ')}`;
}

function oneOf(forms: readonly string[]): string {
  return [forms.slice(0, -1).join(', '), ...forms.slice(-1)].filter((part) => part !== '').join(' or ');
}

/** Of an array whose entries are right, each by itself. */
function miscounted(schema: TArray, value: readonly unknown[], path: string): Problem[] {
  const { minItems: least = 0, maxItems: most = Number.MAX_SAFE_INTEGER, uniqueItems } = schema as TArray & TArrayOptions;
  const isTwice = uniqueItems === true && new Set(value).size < value.length;
  if (value.length >= least && value.length <= most && !isTwice) return [];
  const allowed =
    'description' in schema
      ? String(schema.description)
      : `${least} ${most === Number.MAX_SAFE_INTEGER ? 'or more' : `to ${most}`} entries`;
  return [{ path, message: `is ${shown(value, false)}; must be ${allowed}` }];
}

/** What a schema that says nothing of its own is, where it is not null; undefined where it may not be null. */
function otherThanNull(schema: TSchema): TSchema | undefined {
  if ('description' in schema || !Type.IsUnion(schema)) return undefined;
  const others = schema.anyOf.filter((member) => !Type.IsNull(member));
  return others.length === 1 && others.length < schema.anyOf.length ? others[0] : undefined;
}

function inObject(
  properties: Record<string, TSchema>,
  members: Record<string, unknown>,
  secret: ReadonlySet<string>,
  path: string,
): Problem[] {
  const at = (name: string) => (path ? `${path}.${name}` : name);
  const allowed = Object.keys(properties);
  const unknown = Object.keys(members).filter((name) => !allowed.includes(name));
  const needed = (member: TSchema) => !Type.IsOptional(member) && !('default' in member);
  const known = Object.entries(properties).filter(([name, member]) => members[name] !== undefined || needed(member));
  return [
    ...unknown.map((name) => ({ path: at(name), message: `is no option; ${suggestion(name, allowed)}` })),
    ...known.flatMap(([name, member]) => problemsOf(member, members[name], secret, at(name))),
  ];
}

/** Of one pattern of names, as all of ours are. */
function inRecord(
  patterns: Record<string, TSchema>,
  members: Record<string, unknown>,
  secret: ReadonlySet<string>,
  path: string,
): Problem[] {
  const [[pattern, schema] = ['', undefined]] = Object.entries(patterns);
  return Object.entries(members).flatMap(([name, member]) => {
    const at = `${path}.${name}`;
    if (!schema || !new RegExp(pattern).test(name)) return [{ path: at, message: `is no name here; must match ${pattern}` }];
    return problemsOf(schema, member, secret, at);
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LONGEST_QUOTE = 60;

function shown(value: unknown, secret: boolean): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (isRecord(value)) return Object.keys(value).length === 0 ? 'an empty object' : 'an object of another form';
  if (typeof value === 'string' && secret) return 'a text';
  if (typeof value === 'string' && value.length > LONGEST_QUOTE) return `a text of ${value.length} characters`;
  return JSON.stringify(value);
}

/** The nearest allowed names, and all of them where none is near. */
function suggestion(name: string, allowed: readonly string[]): string {
  const near = allowed
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter((found) => found.distance <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .map((found) => `"${found.candidate}"`);
  return near.length > 0 ? `did you mean ${near.slice(0, 2).join(' or ')}?` : `allowed: ${allowed.join(', ')}`;
}

/** Levenshtein's: how many letters must be put in, left out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    row = next;
  }
  return row.at(-1) ?? 0;
}
