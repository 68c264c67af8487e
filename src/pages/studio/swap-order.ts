/** What is in the form, as far as it has an address. */
export interface Choice {
  readonly face: string | null;
  readonly scene: string | null;
  readonly faceEnhance: boolean;
}

/** What the user has asked for, in the form that can be submitted and shown as code. */
export interface SwapOrder {
  readonly source: string;
  readonly target: string;
  /** Whether faces in a video are swapped, which is another operation of Akool. */
  readonly isPlus: boolean;
  readonly faceEnhance: boolean;
}
