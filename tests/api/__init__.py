"""The API of orders, over HTTP, on a real database."""
