/** What was dropped on the page, or pasted into it: a file, or the address of a picture of another page. */
export interface Dropped {
  readonly file: File | null;
  readonly address: string | null;
}

export function droppedIn(data: DataTransfer | null): Dropped {
  const file = data?.files[0] ?? null;
  // The first line of a list of addresses (RFC 2483, section 5), or a text.
  const text = data?.getData('text/uri-list') || data?.getData('text/plain') || '';
  const [address = ''] = text.split(/[\r\n]/).filter((line) => line !== '' && !line.startsWith('#'));
  return { file, address: file === null && address !== '' ? address : null };
}
