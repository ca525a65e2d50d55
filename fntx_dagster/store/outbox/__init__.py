"""What is signed, and its way to the chain: frozen records, the queue, the sender's journal."""
