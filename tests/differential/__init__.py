"""The simulator against other people's, in the environment of `make differential`, which has them."""
