import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Something that must not be found, or must be, and what to call it. */
export interface Trace {
  name: string;
  text: string;
}

/**
 * Where a text stands in these octets, in any form that software is known to give to text: as it is, in another case, in
 * base 64 at each of its three alignments and with line ends in it, quoted-printable, percent-encoded, JSON-escaped,
 * hexadecimal, UTF-16. The names of the forms.
 */
export function formsIn(octets: Buffer, text: string): string[] {
  const unfolded = Buffer.from(octets.toString('latin1').replaceAll(/=?\r?\n[ \t]?|\\r|\\n/g, ''), 'latin1');
  const [lower, lowerUnfolded] = [octets, unfolded].map((each) => each.toString('latin1').toLowerCase()) as [string, string];
  return formsOf(text)
    .filter(({ form, caseless }) =>
      caseless
        ? [lower, lowerUnfolded].some((hay) => hay.includes(form.toLowerCase()))
        : [octets, unfolded].some((hay) => hay.includes(Buffer.from(form, 'latin1'))),
    )
    .map(({ name }) => name);
}

interface Form {
  name: string;
  /** One character for an octet. */
  form: string;
  caseless: boolean;
}

/** Each way to write the octets of a text. */
export function formsOf(text: string): Form[] {
  const octets = Buffer.from(text);
  const escaped = (prefix: string, all: boolean) =>
    [...octets]
      .map((octet) => (all || octet > 126 || octet < 33 ? prefix + octet.toString(16).padStart(2, '0') : char(octet)))
      .join('');
  return [
    { name: 'plain', form: octets.toString('latin1'), caseless: true },
    { name: 'utf-16le', form: Buffer.from(text, 'utf16le').toString('latin1'), caseless: true },
    { name: 'utf-16be', form: Buffer.from(text, 'utf16le').swap16().toString('latin1'), caseless: true },
    { name: 'hex', form: octets.toString('hex'), caseless: true },
    { name: 'quoted-printable', form: escaped('=', false), caseless: true },
    { name: 'quoted-printable, all of it', form: escaped('=', true), caseless: true },
    { name: 'percent-encoded', form: escaped('%', false), caseless: true },
    {
      name: 'JSON',
      form: text.replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`),
      caseless: true,
    },
    ...[0, 1, 2].map((shift) => ({ name: `base64 at ${shift}`, form: base64(octets, shift), caseless: false })),
  ];
}

const char = (octet: number) => String.fromCharCode(octet);

/** What is the same whatever stands before and after: characters that take bits of neighbours are cut off. */
function base64(octets: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), octets])
    .toString('base64')
    .replaceAll('=', '');
  const begin = Math.ceil((shift * 8) / 6);
  const whole = Math.floor(((shift + octets.length) * 8) / 6);
  return text.slice(begin, whole);
}

/** Every file below a folder, read whole. */
export function filesBelow(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, entry);
    if (statSync(path).isFile()) files.set(path, readFileSync(path));
  }
  return files;
}

/** The regular files that a process has open, those that were deleted too. */
export function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return statSync(join(folder, fd)).isFile() ? [readlinkSync(join(folder, fd))] : [];
    } catch {
      return []; // Closed meanwhile.
    }
  });
}

/** `file: form of what`, for each trace that is found. */
export function findings(places: ReadonlyMap<string, Buffer>, traces: readonly Trace[]): string[] {
  return [...places].flatMap(([place, octets]) =>
    traces.flatMap(({ name, text }) => formsIn(octets, text).map((form) => `${place}: ${form} of ${name}`)),
  );
}
