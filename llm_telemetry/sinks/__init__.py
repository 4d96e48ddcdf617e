"""Where payloads go."""
