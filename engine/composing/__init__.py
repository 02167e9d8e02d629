"""What the composers are made of: segmentation, scoring, the trained weights, the LLM."""
