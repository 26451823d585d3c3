"""The folder of a saved model: JSON and safetensors, with a hash of each file."""
