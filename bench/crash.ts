// Owns `npm run bench:crash [-- SECONDS]`: kill -9 in a stream of acknowledged requests, then the question what of them is there.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alone } from './lock';
import { presload, startPresload } from './presload';
import { Ours } from './target';

const seconds = Number(process.argv[2] ?? 5);
const lost = ['etag_lost', 'content_older', 'content_gone', 'subscriptions_lost'];

async function crash(): Promise<void> {
  const server = await Ours.start();
  try {
    // The watchers listen on the same ports afterwards, and find their dialogs in the file.
    const same = ['--state', join(server.folder, 'presload.state'), '--local-port', '25060'];
    const stream = ['--mix', '20,60,20', '--seconds', '600', '--presentities', '500', '--watchers', '4'];
    const load = startPresload(server, ['crash', ...stream, ...same]);
    while (!load.said().includes('load begins')) await Promise.race([sleep(50), load.phases]);
    await sleep(seconds * 1000);
    await server.kill();
    const [before] = await load.phases;
    await server.start();
    const [found] = await presload(server, ['verify', ...same]);
    if (!before || !found) throw new Error('presload found nothing to compare');
    console.log(`${before.ok} requests acknowledged before the kill`);
    console.log(JSON.stringify(found));
    process.exitCode = lost.every((name) => Number(found[name] ?? 0) === 0) ? 0 : 1;
    console.log(process.exitCode === 0 ? 'nothing that was acknowledged is lost' : 'acknowledged, and lost');
  } finally {
    await server.stop();
  }
}

void alone(crash);
