/** Files of a node, kept by `TestNode.backUp` until the cluster is closed. */
export interface NodeBackup {
  /** Where they lie. */
  readonly directory: string;
}
