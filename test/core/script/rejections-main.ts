// Owns the process in which a promise fails that nobody awaits: one of the script, or one of the server.
import { VM } from 'vm2';
import { silentLogger } from '../../../core/base/logger';
import { watchRejections } from '../../../core/script/rejections';

watchRejections({ ...silentLogger, error: (text: object | string) => console.log(text) });
if (process.argv[2] === 'script') new VM().run("(async () => { throw new Error('nobody waits'); })();");
else void Promise.reject(new Error('nobody waits here either'));
setTimeout(() => console.log('still here'), 20);
