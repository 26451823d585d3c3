"""The folder a trained model is kept in: plain JSON and safetensors, each file hashed."""
