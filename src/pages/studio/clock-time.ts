const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A time of today without its date. @param iso ISO 8601 */
export function clockTime(iso: string): string {
  const at = new Date(iso);
  return (at.toDateString() === new Date().toDateString() ? TIME : DAY).format(at);
}
