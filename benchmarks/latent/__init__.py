"""Expert equations with latent states and an encoder: the dexamethasone benchmark, made again from its published equations."""
