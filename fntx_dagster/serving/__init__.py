"""What our servers have in common at their sockets: whose process asks, how a request names its host, and limits."""
