"""What can be predicted: for each kind of label its output, its loss and its metrics."""
