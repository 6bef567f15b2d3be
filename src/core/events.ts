/** What a stage tells the outside while it works. Reporters turn these into tables, lines or nothing. */
export type ProgressEvent =
  | { readonly kind: 'stage'; readonly stage: string; readonly state: 'started' | 'finished'; readonly detail?: string }
  | {
      readonly kind: 'download';
      readonly name: string;
      readonly receivedBytes: number;
      readonly totalBytes?: number;
      readonly done: boolean;
    }
  | {
      readonly kind: 'retry';
      readonly name: string;
      readonly attempt: number;
      readonly reason: string;
      readonly waitMs: number;
    }
  | { readonly kind: 'cell'; readonly cell: string; readonly step: string; readonly detail?: string }
  | { readonly kind: 'upload'; readonly name: string; readonly sizeBytes: number }
  | { readonly kind: 'notice'; readonly text: string };

export type Report = (event: ProgressEvent) => void;
