// Owns what may happen to nodes on one database, for random histories, and the dialogs that come of it.

export type Request = { node: number; after: number; pick: number; expires: number } & (
  | { do: 'publish' | 'refresh' | 'modify' | 'remove' | 'resubscribe' | 'unsubscribe' | 'fetch' }
  | { do: 'subscribe'; winfo: boolean }
);
export type Step =
  | { do: 'burst'; requests: Request[] }
  | { do: 'answer'; status: 200 | 481 | 500 }
  | { do: 'hold' | 'cutOff' | 'reload' | 'leave'; node: number }
  | { do: 'stall'; node: number; seconds: number }
  | { do: 'crash'; node: number; after: number }
  | { do: 'trouble'; node: number; outcome: 'stale' | 'away' | 'lost' }
  | { do: 'pass'; seconds: number };

export interface Dialog {
  readonly callId: string;
  readonly toTag: string;
  readonly winfo: boolean;
  readonly from: string;
  cseq: number;
  expires: number;
}
