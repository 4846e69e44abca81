import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { jsonFault } from '../json-fault.ts';
import { certificateText } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';

/** The octets of a file that somebody named. What is thrown has its `path`: of a folder the system does not say which. */
export function readNamed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}

/** A text that somebody named, without a byte order mark; - is standard input. Throws Refusal('invalid') where it is not UTF-8: letters would be lost. */
export function readText(path: string): string {
  const octets = readInput(path);
  if (!isUtf8(octets)) throw new Refusal('invalid', `${path} is not UTF-8: save it as that (a spreadsheet calls it "CSV UTF-8")`);
  return new TextDecoder().decode(octets);
}

/** The text of a certificate that somebody named, armored or as `gpg --export` writes it; - is standard input. */
export function readCertificateText(path: string): string {
  return certificateText(readInput(path));
}

function readInput(path: string): Buffer {
  return path === '-' ? readFileSync(0) : readNamed(path);
}

/** What the JSON of such a text says. Throws Refusal('invalid') with the place where it is none. */
export function readJson(path: string): unknown {
  const text = readText(path);
  const fault = jsonFault(text);
  if (fault) throw new Refusal('invalid', `${path} is not JSON: line ${fault.line}, column ${fault.column}`);
  return JSON.parse(text);
}
