/**
 * SQLite files with a given number of jobs: created by the gateway, so that the tables are its own, and
 * filled with the rows of `sample-jobs.ts`. Kept between runs, because creating a million jobs takes a while.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { gatewayEnvironment } from './gateway-environment.js';
import { freePort, Program } from './program.js';
import {
  BETWEEN_JOBS_MS,
  EPOCH_MS,
  FIRST_OPEN,
  LASTED_MS,
  PROVIDER_KEEPS_MS,
  SPREAD,
} from './sample-jobs.js';

export interface SeedSize {
  /** Finished jobs. */
  readonly stored: number;
  /** Jobs on which Akool has yet to report. */
  readonly open: number;
}

/** Files of this age may be removed, since they can be recreated. */
const OLD_MS = 7 * 86_400_000;
/** Increase when the rows below change. */
const SHAPE = 2;

export class Seeds {
  readonly #root: string;
  readonly #folder: string;

  /** @param folder holds the files, and nothing else */
  constructor(root: string, folder: string) {
    this.#root = root;
    const tables = readFileSync(join(root, 'src/services/store/migrations.ts'));
    const key = createHash('sha256').update(tables).update(String(SHAPE)).digest('hex').slice(0, 16);
    this.#folder = join(folder, key);
    mkdirSync(folder, { recursive: true });
    removeOld(folder, key);
  }

  /** Copies a database of this size to `file`, and syncs it to disk before anything is measured. */
  async copy(size: SeedSize, file: string): Promise<void> {
    copyFileSync(await this.#file(size), file, constants.COPYFILE_FICLONE);
    const handle = openSync(file, 'r+');
    fsyncSync(handle);
    closeSync(handle);
  }

  async #file({ stored, open }: SeedSize): Promise<string> {
    const file = join(this.#folder, `${stored}-stored-${open}-open.db`);
    if (existsSync(file)) return file;
    mkdirSync(this.#folder, { recursive: true });
    const unfinished = `${file}.${process.pid}`;
    rmSync(unfinished, { force: true });
    await this.#migrated(unfinished);
    fill(unfinished, { stored, open });
    renameSync(unfinished, file);
    return file;
  }

  /** The gateway creates its tables when it starts. */
  async #migrated(file: string): Promise<void> {
    const program = await Program.start({
      name: 'seeding-gateway',
      script: join(this.#root, 'dist/index.js'),
      port: await freePort(),
      folder: this.#folder,
      env: { ...gatewayEnvironment('http://127.0.0.1:9'), DATABASE_URL: `sqlite:${file}` },
      hook: null,
      core: undefined,
    });
    await program.stop();
  }
}

/** Removes files with outdated tables; others may be in use by another run. */
function removeOld(folder: string, current: string): void {
  for (const name of readdirSync(folder)) {
    if (name === current) continue;
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > OLD_MS) rmSync(path, { recursive: true, force: true });
  }
}

function fill(file: string, { stored, open }: SeedSize): void {
  const db = new Libsql(file);
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -2000000');
  // Sorting once is faster than keeping a million rows sorted.
  const indexes = db
    .prepare("select name, sql from sqlite_master where type = 'index' and sql is not null")
    .all() as { name: string; sql: string }[];
  db.exec('begin');
  for (const { name } of indexes) db.exec(`drop index ${name}`);
  // Trees of before it was a column of its own have the kind in the request only.
  const hasKind =
    db.prepare("select 1 from pragma_table_info('jobs') where name = 'kind'").get() !== undefined;
  const kind = hasKind ? { column: ', kind', value: ", 'PRO'" } : { column: '', value: '' };
  if (stored > 0) addFinished(db, stored, kind);
  if (open > 0) addOpen(db, open, kind);
  for (const { sql } of indexes) db.exec(sql);
  db.exec(`update queue set turn = ${stored + open}`);
  db.exec('commit');
  db.close();
}

/** A table `numbers(n)` with `count` numbers from `first` on. */
function numbers(first: number, count: number): string {
  return `with recursive numbers (n) as (select ${first} union all select n + 1 from numbers where n < ${first + count - 1})`;
}

const ID = `printf('%08x-%04x-4000-8000-%012x', (n * ${SPREAD}) % 4294967296, n % 65536, n)`;
const PROVIDER_ID = `printf('%024x', n)`;
const TOKEN = `printf('%08x%024x', (n * ${SPREAD}) % 4294967296, n)`;
const REQUEST = `json_object(
  'kind', 'PRO',
  'sourceImage', json_array(json_object('path', 'https://pictures.example.com/new-faces/' || n || '.jpg', 'opts', null)),
  'targetImage', json_array(json_object('path', 'https://pictures.example.com/originals/' || n || '.jpg', 'opts', null)),
  'modelName', 'akool_faceswap_image_hq',
  'faceEnhance', json('true'), 'singleFaceMode', json('false'), 'detectOpts', json('false'))`;
const COLUMNS = `id, tenant, status, version, turn, created_at, updated_at, finished_at, provider_id, provider_job_id,
  callback_token, attempts, sent_at, slot_free_at, deadline_at, poll_at, archive_attempts, expires_at, result, request`;

/** A column and its value, with commas in front; or neither. */
interface Kind {
  readonly column: string;
  readonly value: string;
}

function addFinished(db: Libsql.Database, count: number, kind: Kind): void {
  const created = `${EPOCH_MS} + n * ${BETWEEN_JOBS_MS}`;
  const ended = `${created} + ${LASTED_MS}`;
  const expires = `${created} + ${PROVIDER_KEEPS_MS}`;
  db.exec(`${numbers(0, count)}
    insert into jobs (${COLUMNS}${kind.column})
    select ${ID}, 'default', 'COMPLETED', 5, n, ${created}, ${ended}, ${ended}, ${PROVIDER_ID}, 'job-' || n,
      ${TOKEN}, 1, ${created}, null, ${ended}, null, 0, ${expires},
      json_object('providerUrl', 'https://results.example.com/' || ${PROVIDER_ID} || '.png',
        'providerUrlExpiresAt', ${expires}, 'archive', null), ${REQUEST}${kind.value}
    from numbers`);
  addHistory(db, 0, count, created, [
    [1, 'WAITING', 'CLIENT'],
    [2, 'SUBMITTING', 'GATEWAY'],
    [3, 'QUEUED', 'SUBMIT'],
    [4, 'PROCESSING', 'WEBHOOK'],
    [5, 'COMPLETED', 'WEBHOOK'],
  ]);
}

/** They hold no slots, so that slots are free for the run's own jobs. */
function addOpen(db: Libsql.Database, count: number, kind: Kind): void {
  const created = `${EPOCH_MS - LASTED_MS}`;
  const never = Date.UTC(2100, 0, 1);
  db.exec(`${numbers(FIRST_OPEN, count)}
    insert into jobs (${COLUMNS}${kind.column})
    select ${ID}, 'default', 'UNCONFIRMED', 3, n, ${created}, ${created}, null, ${PROVIDER_ID}, 'job-' || n,
      ${TOKEN}, 1, ${created}, 1, ${never}, null, 0, null, null, ${REQUEST}${kind.value}
    from numbers`);
  addHistory(db, FIRST_OPEN, count, created, [
    [1, 'WAITING', 'CLIENT'],
    [2, 'SUBMITTING', 'GATEWAY'],
    [3, 'UNCONFIRMED', 'GATEWAY'],
  ]);
}

function addHistory(
  db: Libsql.Database,
  first: number,
  count: number,
  created: string,
  lines: readonly (readonly [version: number, status: string, source: string])[],
): void {
  const values = lines.map((line) => `(${line.map((value) => `'${value}'`).join(', ')})`).join(', ');
  db.exec(`${numbers(first, count)}
    insert into job_updates (job_id, version, status, at, source)
    select ${ID}, cast(column1 as integer), column2, ${created}, column3 from numbers, (values ${values})`);
}
