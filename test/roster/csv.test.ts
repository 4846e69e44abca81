import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Refusal } from '../../src/refusal.ts';
import { certificateFolder, entriesFromCsv, organisationsFromCsv } from '../../src/roster/csv.ts';
import { locate, readEntries } from '../../src/roster/entries.ts';

const HEADER = 'organisation,product,lists,address,name,certificate\n';
const named = (file: string) => `text of ${file}`;

test('rows of one organisation become one entry, in the order of the file', () => {
  const csv = `${HEADER}Alpha,Alpha OS,distributors@o.example;security@o.example,a@alpha.example,"Ann, A.",a.asc
Bravo,,distributors@o.example,b@bravo.example,,b.asc

Alpha,,security@o.example other@o.example,c@alpha.example,,c.asc\n`;
  expect(entriesFromCsv(csv, named)).toEqual({
    problems: [],
    lines: [
      { first: 2, contacts: [2, 5] },
      { first: 3, contacts: [3] },
    ],
    entries: [
      {
        organisation: 'Alpha',
        product: 'Alpha OS',
        lists: ['distributors@o.example', 'security@o.example', 'other@o.example'],
        contacts: [
          { address: 'a@alpha.example', name: 'Ann, A.', certificate: 'text of a.asc' },
          { address: 'c@alpha.example', certificate: 'text of c.asc' },
        ],
      },
      {
        organisation: 'Bravo',
        lists: ['distributors@o.example'],
        contacts: [{ address: 'b@bravo.example', certificate: 'text of b.asc' }],
      },
    ],
  });
});

test('a spreadsheet may separate by semicolons; lists are separated by blanks then', () => {
  const csv =
    'organisation;product;lists;address;name;certificate\nAlpha, Inc.;;a@o.example b@o.example;a@alpha.example;;a.asc\n';
  expect(entriesFromCsv(csv, named)).toMatchObject({
    problems: [],
    entries: [
      {
        organisation: 'Alpha, Inc.',
        lists: ['a@o.example', 'b@o.example'],
        contacts: [{ address: 'a@alpha.example', certificate: 'text of a.asc' }],
      },
    ],
  });
});

test('a column for groups may be there: several in a cell, in any row of the organisation', () => {
  const csv = `groups,${HEADER}cloud;kernel,Alpha,,d@o.example,a@alpha.example,,a.asc
cloud embedded,Alpha,,d@o.example,c@alpha.example,,c.asc
,Bravo,,d@o.example,b@bravo.example,,b.asc\n`;
  const { entries, problems } = entriesFromCsv(csv, named);
  expect([entries.map(({ groups }) => groups), problems]).toEqual([[['cloud', 'kernel', 'embedded'], undefined], []]);
});

test('a spreadsheet may put a byte order mark, CRLF, other columns order and capitals', () => {
  const csv = '\uFEFFCertificate,Address,Name,Lists,Product,Organisation\r\na.asc,a@alpha.example,,,,Alpha\r\n';
  expect(entriesFromCsv(csv, named).entries).toEqual([
    { organisation: 'Alpha', lists: [], contacts: [{ address: 'a@alpha.example', certificate: 'text of a.asc' }] },
  ]);
});

test('two products of one organisation are told with the line', () => {
  const csv = `${HEADER}Alpha,One,,a@alpha.example,,a.asc\nAlpha,Two,,b@alpha.example,,b.asc\n`;
  expect(entriesFromCsv(csv, named).problems).toEqual([
    { entry: 0, address: 'b@alpha.example', line: 3, problem: 'the product is "Two" here and "One" above' },
  ]);
});

test('what is wrong with a row is found by its line, whatever is left to say of it', () => {
  const csv = `${HEADER}Alpha,,,A@alpha.example,,a.asc
Bravo,,,b@bravo.example,,b.asc
Alpha,,,none,,c.asc
Alpha,,,gone@alpha.example,,none.asc
Alpha,,,d@alpha.example,D\u0085,d.asc\n`;
  const { entries, lines, problems } = entriesFromCsv(csv, (file) => {
    if (file === 'none.asc') throw new Refusal('invalid', 'is not there');
    return named(file);
  });
  const wrong = [...problems, ...readEntries(entries).problems];
  const ofPlan = ['a@alpha.example', null].map((address) => ({ entry: 0, address, problem: 'taken' }));
  expect([...wrong, ...ofPlan].map((one) => locate(one, entries, lines))).toMatchObject([
    { line: 5, organisation: 'Alpha', address: 'gone@alpha.example' },
    { line: 4, organisation: 'Alpha', address: null },
    { line: 6, organisation: 'Alpha', address: 'd@alpha.example' },
    { line: 2, organisation: 'Alpha', address: 'a@alpha.example' },
    { line: 2, organisation: 'Alpha', address: null },
  ]);
  const json = locate({ entry: 1, address: null, problem: 'taken' }, entries, []);
  expect(json).toEqual({ entry: 1, address: null, organisation: 'Bravo', problem: 'taken' });
});

test.each([
  ['organisation,lists,address,colour,address\n', /missing: product, name, certificate; unknown: colour; twice: address/],
  [`${HEADER}Alpha,One\n`, /Not the CSV of a roster: .*line 2/],
  [`${HEADER}"Alpha,One,,a,b,c\n`, /Not the CSV of a roster/],
])('%j is refused', (csv, message) => {
  expect(() => entriesFromCsv(csv, named)).toThrow(
    expect.objectContaining({ reason: 'invalid', hint: expect.stringMatching(message) }),
  );
});

describe('the folder of certificates', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'curfew-csv-'));
    mkdirSync(join(folder, 'in', 'deeper.asc'), { recursive: true });
    writeFileSync(join(folder, 'in', 'a.asc'), 'armored');
    writeFileSync(join(folder, 'outside.asc'), 'outside');
    writeFileSync(join(folder, 'in', 'big.asc'), Buffer.alloc(1024 * 1024 + 1));
    symlinkSync('../outside.asc', join(folder, 'in', 'link.asc'));
    symlinkSync('a.asc', join(folder, 'in', 'same.asc'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('gives the text of its own files', () => {
    const read = certificateFolder(join(folder, 'in'));
    expect([read('a.asc'), read('same.asc')]).toEqual(['armored', 'armored']);
  });

  test.each([
    ['../outside.asc', /must be the name of a file/],
    ['/etc/passwd', /must be the name of a file/],
    ['..', /must be the name of a file/],
    ['a.asc\0', /must be the name of a file/],
    ['link.asc', /leads out of the certificate folder/],
    ['none.asc', /is not in the certificate folder/],
    ['deeper.asc', /is no file of at most 1 MiB/],
    ['big.asc', /is no file of at most 1 MiB/],
    ['', /is missing/],
  ])('does not give %j', (file, why) => {
    const { entries, problems } = entriesFromCsv(
      `${HEADER}Alpha,,,a@alpha.example,,${file}\n`,
      certificateFolder(join(folder, 'in')),
    );
    expect(problems).toEqual([{ entry: 0, address: 'a@alpha.example', line: 2, problem: expect.stringMatching(why) }]);
    expect(entries).toEqual([{ organisation: 'Alpha', lists: [], contacts: [] }]);
  });
});

test('organisations come by address, in any case and either separator', () => {
  expect(organisationsFromCsv('Address;Organisation\nA@alpha.example;Alpha\nb@bravo.example;"Bravo; Ltd"\n')).toEqual(
    new Map([
      ['a@alpha.example', 'Alpha'],
      ['b@bravo.example', 'Bravo; Ltd'],
    ]),
  );
});

test.each([
  ['address,organisation\na@x.example,A\nA@x.example,B\n', 'Line 3: "a@x.example" has another organisation above'],
  ['address\na@x.example\n', 'missing: organisation'],
  ['address,organisation\n"a\n', 'Not the CSV of organisations'],
])('organisations as in %j are refused', (csv, hint) => {
  expect(() => organisationsFromCsv(csv)).toThrow(
    expect.objectContaining({ reason: 'invalid', hint: expect.stringContaining(hint) }),
  );
});
