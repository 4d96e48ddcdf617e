"""Small training programs, each as somebody would write it; none of them knows that it is watched."""
