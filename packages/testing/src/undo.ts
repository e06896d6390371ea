/**
 * The way back from a fault. `await fault.undo()`, or `await using _ = await node.freeze()` to have it undone at the end of
 * the block. Undoing twice does nothing more.
 */
export interface Undo extends AsyncDisposable {
  /** Takes the fault back; resolves when that has taken effect. The second call returns the first one's promise. */
  undo(): Promise<void>;
}

/** Makes an {@link Undo} of a function, which is called once at most. */
export function createUndo(takeBack: () => Promise<void>): Undo {
  let done: Promise<void> | undefined;
  const undo = (): Promise<void> => {
    done ??= takeBack();
    return done;
  };
  return { undo, [Symbol.asyncDispose]: undo };
}
