/** What the bench tells the programs that it starts. */
export interface Settings {
  readonly port: number;
  /** Where submits go. */
  readonly akoolUrl: string;
  /** How many finished jobs there are, and how many open ones. */
  readonly stored: number;
  readonly open: number;
  /** A file for SQLite; empty: jobs are kept in memory. */
  readonly database: string;
  /** The gateway's schema.graphql. */
  readonly schemaFile: string;
}

export function readSettings(): Settings {
  return {
    port: Number(process.env['PORT']),
    akoolUrl: process.env['AKOOL_URL'] ?? '',
    stored: Number(process.env['STORED']),
    open: Number(process.env['OPEN']),
    database: process.env['DATABASE'] ?? '',
    schemaFile: process.env['SCHEMA_FILE'] ?? '',
  };
}

export function environmentOf(settings: Settings): Record<string, string> {
  return {
    PORT: String(settings.port),
    AKOOL_URL: settings.akoolUrl,
    STORED: String(settings.stored),
    OPEN: String(settings.open),
    DATABASE: settings.database,
    SCHEMA_FILE: settings.schemaFile,
  };
}
