import { PeerProcess } from './peer-process.ts';
import type { Command } from './peer-programs.ts';
import type { Sample, SliceRequest } from './throughput-works.ts';

/** A client in another language as a contender: its program drives itself, so that no line per statement is measured. */
export class PeerWorker {
  readonly #peer: PeerProcess;
  /** Updates that the program saw acknowledged, ever. */
  updates = 0;
  /** Statements that counted in slices, ever. */
  statements = 0;

  constructor(peer: PeerProcess) {
    this.#peer = peer;
  }

  get version(): string {
    return this.#peer.version;
  }

  /** @throws PeerError when a statement failed or the program ended. */
  async slice({ work, callers, seconds }: SliceRequest): Promise<Sample> {
    const { updates, ...sample } = await this.#peer.slice(work, callers, seconds);
    this.updates = updates;
    this.statements += sample.perSecond * seconds;
    return sample;
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}

/** Starts a peer's program. */
export async function startPeer(command: Command, url: string): Promise<PeerWorker> {
  return new PeerWorker(await PeerProcess.start(command, url));
}
