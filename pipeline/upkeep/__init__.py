"""What is done around a run: its folder taken hold of, what a killed run left finished, what nobody needs deleted."""
