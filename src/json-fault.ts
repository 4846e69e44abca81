/** What may stand at a place of a JSON text (RFC 8259), as sticky expressions. */
const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a string must not hold unescaped
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/**
 * Where a JSON text stops being one: line and column from 1; undefined where it is JSON.
 * The engine's own message has no place, and quotes the text around it, which may hold a password.
 */
export function jsonFault(text: string): { line: number; column: number } | undefined {
  const at = faultAt(text);
  if (at === undefined) return undefined;
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function faultAt(text: string): number | undefined {
  let at = 0;
  const take = (expression: RegExp): boolean => {
    expression.lastIndex = at;
    const found = expression.exec(text);
    if (found) at += found[0].length;
    return found !== null;
  };
  const sign = (character: string): boolean => {
    take(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const member = (): boolean => {
    take(SPACE);
    return take(STRING) && sign(':') && value();
  };
  const sequence = (item: () => boolean, end: string): boolean => {
    if (sign(end)) return true;
    do if (!item()) return false;
    while (sign(','));
    return sign(end);
  };
  const value = (): boolean => {
    if (sign('{')) return sequence(member, '}');
    if (sign('[')) return sequence(value, ']');
    return take(STRING) || take(SCALAR);
  };
  const whole = value();
  take(SPACE);
  return whole && at === text.length ? undefined : at;
}
