"""`python -m dac_rs`: the same program as `dac-rs`."""

from ._program import main

main()
