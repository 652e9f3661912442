/** Columns padded to their widest cell; the last one is cut at the terminal's width, so that lines stay lines. */
export function columns(rows: readonly (readonly string[])[], width: number): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) => line(row, widths, width)).join('\n');
}

function line(row: readonly string[], widths: readonly number[], width: number): string {
  const text = row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd();
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

/** Lines in a frame with a title; the frame grows with its longest line, nothing is cut. */
export function frame(title: string, body: string, least: number): string {
  const lines = body.replace(/\n$/, '').split('\n');
  const inner = Math.max(least - 4, ...lines.map((text) => text.length));
  const bar = inner + 2 - title.length - 2;
  const left = Math.floor(bar / 2);
  const top = `╭${'─'.repeat(left)} ${title} ${'─'.repeat(bar - left)}╮`;
  const rows = lines.map((text) => `│ ${text.padEnd(inner)} │`);
  return [top, ...rows, `╰${'─'.repeat(inner + 2)}╯`].join('\n');
}
