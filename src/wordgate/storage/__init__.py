"""Storage: atomic replacement of files and folders, safetensors files."""
