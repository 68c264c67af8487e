/** Says which setting is wrong when a server can't listen. */

interface Place {
  /** The names of the settings. */
  readonly names: { readonly host: string; readonly port: string };
  readonly host: string;
  readonly port: number;
}

/** Lower ports need a privilege on most systems. */
const FIRST_ORDINARY_PORT = 1024;

/** Returns the setting, what it said and what it must be; null if the error is about something else. */
export function listenFault(error: unknown, { names, host, port }: Place): string | null {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return null;
  switch (code) {
    case 'EADDRINUSE':
      return `${names.port} is ${port}; it must be a port on which no other program listens`;
    case 'EACCES':
      return port < FIRST_ORDINARY_PORT
        ? `${names.port} is ${port}; it must be ${FIRST_ORDINARY_PORT} or more, because this user may not listen on lower ports`
        : `${names.port} is ${port}; it must be a port on which this user may listen`;
    default:
      return `${names.host} is ${JSON.stringify(host)}; it must be an address of this machine, like 127.0.0.1, or a name that leads to one`;
  }
}
