"""The mechanics: replacing functions, running them inside a scope, and undoing it."""
