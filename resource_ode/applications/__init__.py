"""What is built on the model: networks trained on parities, the demo, the paper's figures."""
