"""What the retriever is made of: embedders, the search index, and what it hands on."""
