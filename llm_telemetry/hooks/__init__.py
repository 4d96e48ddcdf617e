"""What is hooked: the SDK's two request methods, and the trainer's own functions around them."""
