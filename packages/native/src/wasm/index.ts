// The engine in WebAssembly for hosts that bring their own files, browsers for one.
export { useBinding } from '../binding.js';
export { type Engine, EngineDied, type EngineHost, startEngine } from './engine.js';
export { type FileInfo, type Files, fileFailure, type OpenFile, type OpenMode } from './files.js';
export { bindingOf, type Caller, type CallOptions } from './wasm-binding.js';
