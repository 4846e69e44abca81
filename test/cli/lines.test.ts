import { expect, test } from 'vitest';
import { linesOf } from '../../src/cli/lines.ts';

async function* inChunks(octets: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

test.each<[string, string, string[]]>([
  ['nothing', '', []],
  ['a line', 'a\n', ['a']],
  ['lines, the last without its end', 'a\nb', ['a', 'b']],
  ['empty ones', '\n\na\n\n', ['', '', 'a', '']],
  ['CR LF', 'a\r\nb\r\n', ['a', 'b']],
  ['a CR that ends none', 'a\rb\n', ['a\rb']],
  [
    'separators that end none',
    'Nova\u2028Linux\u2029\u0085\u000b\u000c\n\u{1f512}\n',
    ['Nova\u2028Linux\u2029\u0085\u000b\u000c', '\u{1f512}'],
  ],
])('%s: as lines, wherever the chunks end', async (_, written, lines) => {
  for (const size of [1, 2, 3, 1000]) {
    const found: string[] = [];
    for await (const line of linesOf(inChunks(Buffer.from(written), size))) found.push(line);
    expect(found, `in ${size}`).toEqual(lines);
  }
});

test('a line without an end is given up', async () => {
  const endless = (async function* () {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x');
  })();
  await expect(async () => {
    for await (const line of linesOf(endless)) expect(line).toBe('no line');
  }).rejects.toMatchObject({ reason: 'invalid' });
});
