// Owns the types of the `sip` npm package (0.0.6, untyped), as far as the client commands and the tests use it.

declare module 'sip' {
  /** `null` is a parameter without a value (`;lr`). */
  export type Params = Record<string, string | number | null>;

  export interface NameAddr {
    name?: string | undefined;
    uri: string;
    params: Params;
  }

  export interface Via {
    version: string;
    protocol: string;
    host: string;
    port: number | undefined;
    params: Params;
  }

  /** Headers the package parses have a shape; every other one is text, its repeated lines joined with commas. */
  export interface Headers {
    via: Via[];
    to: NameAddr;
    from: NameAddr;
    'call-id': string;
    cseq: { seq: number; method: string };
    contact?: NameAddr[] | '*';
    route?: NameAddr[];
    'record-route'?: NameAddr[];
    [name: string]: unknown;
  }

  export interface Request {
    method: string;
    uri: string;
    version?: string;
    status?: undefined;
    headers: Headers;
    /** Bytes as latin1 text, one char a byte. */
    content?: string;
  }

  export interface Response {
    method?: undefined;
    status: number;
    reason: string;
    version?: string;
    headers: Headers;
    content?: string;
  }

  export type Message = Request | Response;

  export interface ParsedUri {
    schema: string;
    user: string | undefined;
    host: string;
    /** NaN when the URI has none */
    port: number;
    params: Params;
  }

  /** What a transaction sends through. `protocol` 'UDP' makes it retransmit. */
  export interface Connection {
    send(message: Message): void;
    release(): void;
    protocol: string;
  }

  export interface ClientTransaction {
    message(response: Response): void;
    shutdown(): void;
  }

  export interface ServerTransaction {
    message(request: Request): void;
    send(response: Response): void;
    shutdown(): void;
  }

  export interface TransactionLayer {
    /** Sets the branch of the top Via; the callback gets each response, and a made-up 408 when Timer F (32 s) fires. */
    createClientTransaction(
      connection: Connection,
      request: Request,
      callback: (response: Response) => void,
    ): ClientTransaction;
    createServerTransaction(request: Request, connection: Connection): ServerTransaction;
    getServer(request: Request): ServerTransaction | undefined;
    getClient(response: Response): ClientTransaction | undefined;
    destroy(): void;
  }

  export function parse(bytes: Buffer): Message | undefined;
  export function parseUri(text: string): ParsedUri | undefined;
  export function stringify(message: Message): string;
  export function makeStreamParser(onMessage: (message: Message) => void, onFlood?: () => void): (text: string) => void;
  export function makeTransactionLayer(options: object, open: unknown): TransactionLayer;
  export function makeResponse(
    request: Request,
    status: number,
    reason: string,
    extension?: { headers?: Record<string, unknown>; content?: string },
  ): Response;
}
