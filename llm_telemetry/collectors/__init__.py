"""Events → keys: what a payload is made of."""
