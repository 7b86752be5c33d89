// Owns a database thread: takes requests one by one, answers each, and ends when told to close.
import { parentPort, workerData } from 'node:worker_threads';
import { faultOf } from './faults';
import type { Answer, Reply, Request, ThreadOptions } from './protocol';
import { Store } from './store';

const port = parentPort;
if (port === null) throw new Error('this file is a thread and not a program');
const options = workerData as ThreadOptions;
const store = new Store(options);

port.on('message', (request: Request & { id: number }) => {
  let reply: Reply;
  try {
    reply = { id: request.id, value: serve(request) };
  } catch (error) {
    reply = { id: request.id, fault: faultOf(error, options.path) };
  }
  port.postMessage(reply);
  if (request.kind === 'close') port.close();
});

function serve(request: Request): Answer {
  switch (request.kind) {
    case 'commit':
      return store.commit(request.job);
    case 'select':
      return store.select(request.job);
    case 'move log':
      store.moveLog();
      break;
    case 'open':
      store.open(request.tables);
      break;
    case 'prepare':
      return store.prepare(request.tables);
    case 'close':
      store.close();
  }
  return undefined;
}
