"""Learning from compositions that people or published systems made, and agreeing with them."""
