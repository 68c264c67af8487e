/** A submit names uploads that cannot be used. Only whoever knows its input can say which fields do. */
export class UnusableUploads extends Error {
  /** Names of the caller's own uploads whose bytes are not stored yet. */
  readonly notReady: readonly string[];
  /** Names under which the caller has nothing. */
  readonly unknown: readonly string[];

  constructor(names: Pick<UnusableUploads, 'notReady' | 'unknown'>) {
    super('uploads that a submit names cannot be used');
    this.name = 'UnusableUploads';
    this.notReady = names.notReady;
    this.unknown = names.unknown;
  }
}
