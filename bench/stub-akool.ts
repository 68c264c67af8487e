/**
 * A stub of Akool that accepts every submit at once. It uses the token in the callback URL as `_id`, so that
 * the bench can send callbacks for a job after reading the response to its submit.
 */
import { createServer } from 'node:http';

createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => {
    if (request.method === 'GET') {
      response.end('ready');
      return;
    }
    const { webhookUrl = '' } = JSON.parse(text) as { readonly webhookUrl?: string };
    const token = webhookUrl.slice(webhookUrl.lastIndexOf('/') + 1);
    const body = JSON.stringify({
      code: 1000,
      msg: 'OK',
      data: { _id: token, job_id: `job-${token.slice(-8)}`, url: '' },
    });
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      .end(body);
  });
}).listen(Number(process.env['PORT']), '127.0.0.1');
