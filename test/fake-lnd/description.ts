/** What a process of fake LNDs prints about itself. */
export interface FakeLndDescription {
  readonly adminPort: number;
  readonly controlPort: number;
  readonly nodes: readonly {
    readonly name: string;
    readonly address: string;
    readonly certificatePath: string;
    readonly macaroonPath: string;
    readonly nodeId: string;
  }[];
}
