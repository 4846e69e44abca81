import { Type } from 'typebox';
import { Day, PolicyFile } from './policy-schema.ts';

const Host = Type.String({ pattern: '^[A-Za-z0-9.:%_-]+$', description: 'a host name or an IP address' });
const Port = Type.Integer({ minimum: 0, maximum: 65535, description: 'a port, 0 to 65535 (0: any free one)' });
const Path = Type.String({
  minLength: 1,
  description: 'a path, from the folder of the configuration file if not absolute',
});
const seconds = (what: string, initial: number) =>
  Type.Integer({ minimum: 1, default: initial, description: `${what}, in whole seconds, 1 or more` });
const count = (what: string, initial: number) =>
  Type.Integer({ minimum: 1, default: initial, description: `${what}, a whole number, 1 or more` });

const strict = { additionalProperties: false } as const;
/** An object whose members all have defaults may itself be left out. */
const optional = { ...strict, default: {} } as const;

const Limits = Type.Object(
  {
    size: Type.Integer({
      minimum: 1024,
      maximum: 26214400,
      default: 26214400,
      description: 'octets of one mail, 1024 to 26214400',
    }),
    connections: count('connections at a time', 100),
    connectionsPerHost: count('connections at a time from one host', 20),
    recipients: count('RCPT commands a transaction', 100),
    idle: seconds('silence before a connection is closed', 60),
    data: seconds('from DATA to its end', 600),
    reserve: Type.Integer({
      minimum: 0,
      default: 268435456,
      description:
        'octets that are left free on the disk of the database: below that mail is refused with 452, patches and applications over REST with 507, and what is released or sent goes on',
    }),
    minimumRate: Type.Integer({
      minimum: 0,
      default: 512,
      description: 'octets a second that DATA must keep on the average after its first 30 seconds; 0 for no limit',
    }),
  },
  optional,
);

const Smtp = Type.Object(
  {
    host: Host,
    port: Port,
    protocol: Type.Union([Type.Literal('smtp'), Type.Literal('lmtp')], {
      default: 'smtp',
      description: '"smtp", or "lmtp" where an MTA in front hands mail over',
    }),
    tls: Type.Union([Type.Object({ certificate: Path, key: Path }, strict), Type.Null()], {
      default: null,
      description: '{"certificate": PEM file, "key": PEM file} to offer STARTTLS, or null to offer none',
    }),
    limits: Limits,
  },
  strict,
);

const Relay = Type.Object(
  {
    host: Host,
    port: Type.Integer({ minimum: 1, maximum: 65535, description: 'a port, 1 to 65535' }),
    tls: Type.Union([Type.Literal('starttls'), Type.Literal('implicit'), Type.Literal('none')], {
      default: 'starttls',
      description: '"starttls" (required and verified), "implicit", or "none" (to loopback only)',
    }),
    user: Type.Union([Type.String({ minLength: 1 }), Type.Null()], { default: null, description: 'a user name, or null' }),
    passwordFile: Type.Union([Path, Type.Null()], {
      default: null,
      description: 'the path of a file with the password of "user", or null',
    }),
    authorityFile: Type.Union([Path, Type.Null()], {
      default: null,
      description: 'the path of a PEM file with the authority that certified the relay, or null for those of the system',
    }),
    connections: count('connections at a time for ordinary mail, and for each group that a release goes to', 10),
    timeout: seconds('silence of the relay before a connection is given up', 60),
  },
  strict,
);

/** The file as it is written. Every option has a description: an error quotes it. */
export const ConfigFile = Type.Object(
  {
    project: Type.String({
      pattern: '^[A-Za-z][A-Za-z0-9-]{0,30}$',
      description: 'the name of the project: a letter, then up to 30 letters, digits, hyphens; case ids begin with it',
    }),
    domain: Type.String({
      pattern: '^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$',
      description: 'the domain of the list addresses, lower case, as in orbit.example',
    }),
    keys: Type.String({ minLength: 1, default: 'keys', description: 'the path of the folder of the list keys' }),
    begun: Type.Union([Path, Type.Null()], {
      default: null,
      description:
        'the path of a folder of this node alone, in which it counts what it begins to read; null: "begun" beside the SQLite file, or beside the folder of the list keys',
    }),
    user: Type.Union([Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$' }), Type.Null()], {
      default: null,
      description: 'as whom it runs when root starts it, "name" or "name:group"; null: as whoever starts it',
    }),
    passphrase: Type.Union(
      [
        Type.Object({ file: Path }, strict),
        Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, strict),
        Type.Literal('prompt'),
      ],
      { description: 'where the passphrase of the list keys is: {"file": path}, {"env": name} or "prompt"' },
    ),
    database: Type.Union(
      [Type.Object({ sqlite: Path }, strict), Type.Object({ postgres: Type.String({ pattern: '^postgres(ql)?://' }) }, strict)],
      { description: '{"sqlite": path} or {"postgres": "postgres://..."}' },
    ),
    smtp: Smtp,
    http: Type.Object({ host: Host, port: Port }, strict),
    relay: Relay,
    dkim: Type.Union(
      [
        Type.Object(
          {
            selector: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
            key: Path,
          },
          strict,
        ),
        Type.Null(),
      ],
      {
        default: null,
        description:
          '{"selector": word, "key": PEM file with an RSA key} to sign what goes out (DKIM), or null where the relay does that',
      },
    ),
    delivery: Type.Object(
      {
        batch: count('copies leased at a time', 50),
        lease: seconds('how long a lease holds (of a release 15 at most); it is renewed while its copies are worked on', 60),
        giveUp: seconds('how long a copy is tried before it fails', 432000),
        late: seconds('after which the team is told that a copy still waits to go out', 14400),
        lateRelease: seconds(
          'the same of what belongs to a release, but for copies for the public, of which the team is told anyhow',
          600,
        ),
      },
      optional,
    ),
    retention: Type.Object(
      {
        copies: count('days after which a copy that has ended leaves the table that the queue works in', 30),
        content: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
          default: null,
          description:
            'days after which the content of mail is taken away for good, from when its case was closed, or it came where it is of no case; null: never',
        }),
      },
      optional,
    ),
    members: Type.Object(
      {
        criteria: Type.Union(
          [
            Type.Array(
              Type.Object({ id: Type.String({ pattern: '^[a-z0-9-]{1,40}$' }), text: Type.String({ minLength: 1 }) }, strict),
              { minItems: 1 },
            ),
            Type.Null(),
          ],
          {
            default: null,
            description: 'what an organisation has to be: [{"id": word, "text": sentence}, ...]; null for the usual nine',
          },
        ),
        terms: Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
          default: null,
          description: 'the version of the terms that applicants accept, or null where there are none',
        }),
      },
      optional,
    ),
    notices: Type.Union([Path, Type.Null()], {
      default: null,
      description:
        'the path of a folder with notices in the words of the project, as `curfew notice list` names them, or null for the usual ones',
    }),
    embargo: Type.Object(
      {
        policy: Type.Array(Type.String({ pattern: '^[a-z0-9-]{1,40}$' }), {
          default: [],
          description:
            'names of the policies that cases are under, as in ["k8s"]: of each rule the strictest counts; [] for none',
        }),
        policies: Type.Record(Type.String({ pattern: '^[a-z0-9-]{1,40}$' }), PolicyFile, {
          default: {},
          description: 'policies of the project, by name; `curfew policy show k8s` prints one as an example',
        }),
        holidays: Type.Array(Day, {
          default: [],
          description: 'days on which the policies that keep holidays release nothing, as in "2026-12-25"',
        }),
      },
      optional,
    ),
    site: Type.Object(
      {
        url: Type.Union([Type.String({ pattern: '^https://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$' }), Type.Null()], {
          default: null,
          description:
            'where the public finds the pages of this server, as in "https://security.orbit.example", with no slash at the end; null for "https://" and the domain',
        }),
        publisher: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()], {
          default: null,
          description: 'who publishes the advisories, as people read it, or null for the name of the project',
        }),
        namespace: Type.Union(
          [Type.String({ pattern: '^https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$' }), Type.Null()],
          {
            default: null,
            description: 'a URL of the publisher’s own, by which programs know him (CSAF), or null for that of the pages',
          },
        ),
        cnaOrgId: Type.Union(
          [Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' }), Type.Null()],
          {
            default: null,
            description:
              'the organisation’s id as a CVE Numbering Authority, a UUID of version 4: then there are CVE records; null for a project that is none',
          },
        ),
      },
      optional,
    ),
    clock: Type.Object(
      {
        longestDowntime: Type.Integer({
          minimum: 1,
          maximum: 8760,
          default: 24,
          description:
            'for how long the machine may have been off, in whole hours, 1 to 8760: after a start that is later, nothing is released until an admin has confirmed the clock',
        }),
      },
      optional,
    ),
    keyLookup: Type.Object(
      {
        wkd: Type.Boolean({
          default: false,
          description:
            'whether an admin may have a certificate looked up in the Web Key Directory of its domain: this server then asks it',
        }),
        keyserver: Type.Union([Type.String({ pattern: '^https://[^/?#@]+$' }), Type.Null()], {
          default: null,
          description: 'the key server that may be asked, as in "https://keys.openpgp.org", or null',
        }),
      },
      optional,
    ),
    oidc: Type.Object(
      {
        issuer: Type.Union([Type.String({ pattern: '^https?://[^/?#@]+[^?#@]*$' }), Type.Null()], {
          default: null,
          description:
            'the issuer identifier of the OpenID provider that the response team signs in with, as in "https://id.orbit.example", or null',
        }),
        clientId: Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
          default: null,
          description: 'what the provider calls this client, or null where there is no issuer',
        }),
        clientSecretFile: Type.Union([Path, Type.Null()], {
          default: null,
          description: 'the path of a file with the secret of the client, or null for a public client',
        }),
        hours: Type.Integer({
          minimum: 1,
          maximum: 168,
          default: 8,
          description: 'how long a sign-in lasts, in whole hours, 1 to 168',
        }),
        admins: Type.Array(Type.String({ pattern: '^[!-~]+@[!-~]+$' }), {
          default: [],
          description: 'the addresses of the people who sign in with the role "admin"; others of the team get "team"',
        }),
      },
      optional,
    ),
    audit: Type.Object(
      {
        headDays: count('days from one signed head of the audit log to the next', 1),
        headTo: Type.Array(Type.String({ pattern: '^[!-~]+@[!-~]+$' }), {
          default: [],
          description:
            'addresses of contacts who get the signed heads by mail; with none, nobody elsewhere notices that the log was cut',
        }),
      },
      optional,
    ),
    workers: count('threads that open mail that comes in, and as many that seal what goes out', 2),
    log: Type.Union(
      [
        Type.Literal('trace'),
        Type.Literal('debug'),
        Type.Literal('info'),
        Type.Literal('warn'),
        Type.Literal('error'),
        Type.Literal('silent'),
      ],
      { default: 'info', description: '"trace", "debug", "info", "warn", "error" or "silent"' },
    ),
  },
  strict,
);
