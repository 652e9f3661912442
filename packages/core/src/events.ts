/** What a running conversion reports. Libraries emit; only the CLI renders. */
export type ProgressEvent =
  | { readonly kind: 'phase'; readonly phase: Phase }
  | {
      readonly kind: 'bytes';
      readonly phase: Phase;
      /** Payload bytes finished and planned. */
      readonly done: number;
      readonly total: number;
      /** The checkpoint key being written, when known. */
      readonly key?: string;
    }
  | { readonly kind: 'warning'; readonly code: string; readonly message: string }
  | { readonly kind: 'note'; readonly message: string };

/** Phases are begun in this order; a download and a conversion may go on at once. */
export type Phase = 'resolve' | 'download' | 'plan' | 'convert' | 'verify' | 'publish';

export type OnProgress = (event: ProgressEvent) => void;
