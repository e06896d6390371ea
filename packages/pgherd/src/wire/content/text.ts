/** Reads one value, which has `length` bytes from `at` on. */
export type ReadValue = (bytes: Buffer, at: number, length: number) => unknown;

/** Texts of so many bytes are put together without a call into native code, if they are ASCII. */
const SHORT = 6;
const ASCII: readonly string[] = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

/** Reads UTF-8. */
export function readText(bytes: Buffer, at: number, length: number): string {
  if (length > SHORT) return bytes.toString('utf8', at, at + length);
  let text = '';
  for (let index = at; index < at + length; index++) {
    const letter = ASCII[bytes[index] ?? 0];
    if (letter === undefined) return bytes.toString('utf8', at, at + length);
    text += letter;
  }
  return text;
}
