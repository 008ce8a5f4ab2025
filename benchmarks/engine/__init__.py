"""Every variant of the model, every transformation and every size, beside diffrax on the same."""
