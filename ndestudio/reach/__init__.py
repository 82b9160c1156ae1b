"""Reach tubes: where the states can be, if the start is anywhere in a ball and parameters anywhere within limits."""
