/** Why a file can't be used: `MEDIA_UNSUPPORTED` by what it is, `MEDIA_BROKEN` by its condition or its size in pixels. */
export type PictureFaultCode = 'MEDIA_UNSUPPORTED' | 'MEDIA_BROKEN';

/** A file that can't be used. Its message says why and what to do. */
export class PictureFault extends Error {
  readonly code: PictureFaultCode;

  constructor(code: PictureFaultCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = 'PictureFault';
    this.code = code;
  }
}

export function broken(message: string): PictureFault {
  return new PictureFault('MEDIA_BROKEN', message);
}

export function unsupported(message: string): PictureFault {
  return new PictureFault('MEDIA_UNSUPPORTED', message);
}

export function cutOff(): PictureFault {
  return broken(
    'The file ends too early: it was not saved or sent completely. Send it again, or another one.',
  );
}
