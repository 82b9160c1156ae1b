"""Models whose starts are read from the history of each run by an encoder (latent hybridisation models).

Source: Qian, Zame, Fleuren, Elbers, van der Schaar 2021, Integrating expert ODEs into neural ODEs: pharmacology and disease
progression, NeurIPS 34; bounds of the likelihood after Kingma and Welling 2014, Auto-encoding variational Bayes, and Burda, Grosse and
Salakhutdinov 2016, Importance weighted autoencoders.
"""
