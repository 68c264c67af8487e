import { describe, expect, test } from 'vitest';
import { UploadAddresses } from '../../../src/services/uploads/upload-addresses.js';

const upload = {
  name: 'the-Name_1',
  putToken: 'token',
  announced: { contentType: 'video/quicktime', byteSize: 1, sha256: null },
};
const addresses = new UploadAddresses('https://swap.example.com/a/gäte');

describe('an upload', () => {
  test('is served under its name with the extension of its type, and found by it', () => {
    const url = addresses.urlOf(upload);
    expect(url).toBe('https://swap.example.com/a/gäte/uploads/the-Name_1.mov');
    expect(addresses.nameAt(url)).toBe('the-Name_1');
    expect(addresses.putUrlOf(upload)).toBe('https://swap.example.com/a/gäte/uploads/token');
  });

  test.each([
    ['without an extension', 'https://swap.example.com/a/g%C3%A4te/uploads/the-Name_1'],
    ['with a query string and a fragment', 'https://swap.example.com/a/gäte/uploads/the-Name_1.mov?x=/y#z'],
    ['by another spelling of the host', 'https://me:pw@SWAP.Example.com.:443/a/gäte/uploads/the-Name_1.jpg'],
    ['by the other scheme', 'http://swap.example.com/a/gäte/uploads/the-Name_1.jpg'],
    ['by another encoding', 'https://swap.example.com/%61/g%c3%a4te/%75ploads/the%2DName_1%2emov'],
    ['by a detour', 'https://swap.example.com/x/../a/./gäte/%2e%2e/gäte/uploads/the-Name_1.mov'],
  ])('is found %s', (_, address) => {
    expect(addresses.nameAt(address)).toBe('the-Name_1');
  });

  test.each([
    ['', 'https://swap.example.com/a/gäte/uploads'],
    ['', 'https://swap.example.com/a/gäte/uploads/'],
    ['', 'https://swap.example.com/a/gäte/uploads/x/the-Name_1'],
    ['', 'https://swap.example.com/a/gäte/uploads/the-Name_1.mov/'],
    ['', 'https://swap.example.com/a/gäte/uploads/the-Name_1.mov/x'],
    ['', 'https://swap.example.com/a/gäte/uploads/the-Name_1.MOV'],
    ['', 'https://swap.example.com/a/gäte/uploads/the-Name_1.mov.mov'],
    ['', 'https://swap.example.com/a/gäte/uploads/the-Name_1.'],
    ['', 'https://swap.example.com/a/gäte/uploads%2Fthe-Name_1.mov'],
    ['', 'https://swap.example.com//a/gäte//uploads/the-Name_1.mov'],
    ['the-name_1', 'https://swap.example.com/a/gäte/uploads/the-name_1'],
    ['', 'https://swap.example.com/a/gäte/uploads/%00'],
  ])('has no name like %j, which is at its address', (name, address) => {
    expect(addresses.nameAt(address)).toBe(name);
  });

  test.each([
    'https://swap.example.com/uploads/the-Name_1',
    'https://swap.example.com/a/gäte/Uploads/the-Name_1',
    'https://swap.example.com/a/gäte/uploadsx/the-Name_1',
    'https://swap.example.com:8443/a/gäte/uploads/the-Name_1',
    'https://example.com/a/gäte/uploads/the-Name_1',
    'https://swap.example.com.evil.example/a/gäte/uploads/the-Name_1',
    'https://swap.example.com/a/gäte/uploads/%ff',
    'not a URL with uploads in it',
  ])('is not at %s', (address) => {
    expect(addresses.nameAt(address)).toBeNull();
  });

  test('of a gateway without a public URL is at its own port', () => {
    const local = new UploadAddresses('http://127.0.0.1:4000');
    expect(local.nameAt(local.urlOf(upload))).toBe('the-Name_1');
    for (const host of ['localhost', '[::1]', '127.0.0.2']) {
      expect(local.nameAt(`http://${host}:4000/uploads/the-Name_1.mov`)).toBe('the-Name_1');
    }
    expect(local.nameAt('http://localhost:4001/uploads/the-Name_1')).toBeNull();
    expect(local.nameAt('http://127.0.0.1:4001/uploads/the-Name_1')).toBeNull();
    expect(local.nameAt('http://example.com:4000/uploads/the-Name_1')).toBeNull();
    expect(addresses.nameAt('https://localhost/a/gäte/uploads/the-Name_1')).toBeNull();
  });
});
