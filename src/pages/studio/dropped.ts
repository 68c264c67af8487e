/** What was dropped on the page, or pasted into it: files, or the address of a picture of another page. */
export interface Dropped {
  readonly files: readonly File[];
  /** Null if there are files. */
  readonly address: string | null;
}

export function droppedIn(data: DataTransfer | null): Dropped {
  const files = [...(data?.files ?? [])];
  // The first line of a list of addresses (RFC 2483, section 5), or a text.
  const text = data?.getData('text/uri-list') || data?.getData('text/plain') || '';
  const [address = ''] = text.split(/[\r\n]/).filter((line) => line !== '' && !line.startsWith('#'));
  return { files, address: files.length === 0 && address !== '' ? address : null };
}
