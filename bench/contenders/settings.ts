/** Settings that the bench passes to the programs it starts. */
export interface Settings {
  readonly port: number;
  /** Where submits are sent. */
  readonly akoolUrl: string;
  /** Numbers of finished and of open jobs. */
  readonly stored: number;
  readonly open: number;
  /** A SQLite file; if empty, jobs are kept in memory. */
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
