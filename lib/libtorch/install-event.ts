/** What an installation says as it goes on; all sizes in bytes. */
export type InstallEvent =
  | { event: 'plan'; downloadBytes: number; diskBytes: number }
  | { event: 'size'; name: string; version: string; bytes: number }
  | { event: 'progress'; name: string; received: number; total: number }
  | { event: 'note'; text: string }
  | { event: 'done'; name: string; files: number };
