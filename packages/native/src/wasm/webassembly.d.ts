/** What is used of WebAssembly's JavaScript interface: the libraries of TypeScript have it only together with the DOM. */
declare namespace WebAssembly {
  type ModuleImports = Record<string, (...values: never[]) => unknown>;
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface Module {
    readonly __module?: never;
  }
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports: Record<string, ModuleImports>): Promise<Instance>;
}
