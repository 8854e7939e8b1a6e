"""What the encoder saw."""
