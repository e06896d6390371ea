interface Link<T> {
  readonly item: T;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;
}

/** Removes what `push` put in; harmless when it is out already. */
export type Remove = () => void;

/** First in, first out; removal from the middle is O(1), because an aborted waiter must leave no trace. */
export class Queue<T> {
  #head: Link<T> | undefined;
  #tail: Link<T> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): Remove {
    const link: Link<T> = { item, previous: this.#tail, next: undefined };
    if (this.#tail === undefined) this.#head = link;
    else this.#tail.next = link;
    this.#tail = link;
    this.#length++;
    let present = true;
    return () => {
      if (!present || !this.#holds(link)) return;
      present = false;
      this.#unlink(link);
    };
  }

  shift(): T | undefined {
    const link = this.#head;
    if (link === undefined) return undefined;
    this.#unlink(link);
    return link.item;
  }

  #holds(link: Link<T>): boolean {
    return this.#head === link || link.previous !== undefined;
  }

  #unlink(link: Link<T>): void {
    if (link.previous === undefined) this.#head = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#tail = link.previous;
    else link.next.previous = link.previous;
    link.previous = undefined;
    link.next = undefined;
    this.#length--;
  }
}
