// Owns time limits on work that somebody else's code does.
import { RollcallError } from './errors';

/** Settles as `work` does, or rejects with RollcallError(`message`) after `ms`. What `work` does later is ignored. */
export function withinTime<T>(work: Promise<T> | T, ms: number, message: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new RollcallError(message)), ms);
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
