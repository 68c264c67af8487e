/** The two pictures of a swap: at URLs, in files that are uploaded first, or the samples of the gateway's sandbox. */
import { createUpload, type GatewayAddress, type Pictures, samplePictures } from './gateway-client.js';
import type { LocalFile } from './local-file.js';
import { DemoError, type PictureChoice } from './options.js';
import type { UploadLine } from './upload-line.js';

export type Side =
  | { readonly kind: 'sample' }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'file'; readonly file: LocalFile };

/** @throws DemoError if it is a file that can't be used */
export async function sideOf(choice: PictureChoice | null): Promise<Side> {
  if (choice === null) return { kind: 'sample' };
  if (choice.kind === 'url') return choice;
  // Loaded only here: most demos upload nothing.
  const { readLocalFile } = await import('./local-file.js');
  return { kind: 'file', file: await readLocalFile(choice.path) };
}

/**
 * Uploads the files.
 *
 * @param lineFor returns the line that shows the progress of a file
 * @throws DemoError
 */
export async function picturesOf(
  gateway: GatewayAddress,
  { source, target }: Readonly<Record<keyof Pictures, Side>>,
  lineFor: (file: LocalFile) => UploadLine,
): Promise<Pictures> {
  const needsSample = source.kind === 'sample' || target.kind === 'sample';
  const samples = needsSample ? await samplePictures(gateway.url) : null;
  if (needsSample && samples === null) {
    throw new DemoError(
      'This gateway has no sample pictures, and a swap may cost credit: give --source and --target, each a file or a URL.',
    );
  }
  const urlOf = async (side: Side, sample = ''): Promise<string> => {
    if (side.kind === 'sample') return sample;
    return side.kind === 'url' ? side.url : await upload(gateway, side.file, lineFor(side.file));
  };
  return { source: await urlOf(source, samples?.source), target: await urlOf(target, samples?.target) };
}

async function upload(gateway: GatewayAddress, file: LocalFile, line: UploadLine): Promise<string> {
  const announced = await createUpload(gateway, file);
  const { sendFile } = await import('./send-file.js');
  line.start();
  await sendFile(file, announced, (bytes) => line.show(bytes));
  line.stop();
  return announced.url;
}
