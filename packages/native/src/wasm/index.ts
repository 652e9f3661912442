// The engine in WebAssembly for hosts that bring their own files, browsers for one.
export { type Engine, EngineDied, type EngineHost, startEngine } from './engine.js';
export { type FileInfo, type Files, fileFailure, type OpenFile, type OpenMode } from './files.js';
