/** A file as HTTP gives it. */
export interface PublicFile {
  type: string;
  body: string;
}

/** JSON as it is published: hashes are over these very octets. */
export function jsonFile(document: object): PublicFile {
  return { type: 'application/json', body: `${JSON.stringify(document, null, 2)}\n` };
}

/** The same value with all members in the order of their names. */
export function ordered<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(ordered) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, ordered(member)])) as Value;
}
