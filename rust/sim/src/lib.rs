//! A simulated exchange and account: one command in, its events out, from a seed.
