/** Why a text is not a valid interpolation, and after how many characters. */
export class GrammarError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
    this.name = 'GrammarError';
  }
}
