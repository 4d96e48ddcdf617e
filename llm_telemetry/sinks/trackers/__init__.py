"""Trackers beside W&B: MLflow, SwanLab, TensorBoard, Trackio. See docs/trackers.md."""
