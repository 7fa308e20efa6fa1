/** The QR code of an invoice, where it can be read. */

/**
 * @param wanted undefined: on a terminal that is wide enough
 * @returns the code as lines, a line that says why it is left out, or nothing
 */
export async function qrLines(
  bolt11: string,
  { isTTY, columns }: { readonly isTTY?: boolean; readonly columns?: number },
  wanted: boolean | undefined,
): Promise<string[]> {
  if (wanted === false || (wanted === undefined && isTTY !== true)) return [];
  const { encodeQR } = await import('qr');
  // Upper case makes a smaller code, and invoices may be written in either.
  const code = encodeQR(`LIGHTNING:${bolt11.toUpperCase()}`, 'ascii', { ecc: 'low', border: 2 });
  const width = Math.max(...code.split('\n').map((line) => line.length));
  if (wanted === true || columns === undefined || columns >= width) return [code];
  return [`(The QR code needs a terminal of ${width} columns; --qr shows it all the same.)`, ''];
}
