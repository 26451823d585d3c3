"""Models as ONNX files: built from arrays, without torch, and checked before they are kept."""
