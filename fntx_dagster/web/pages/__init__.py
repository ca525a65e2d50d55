"""One module for each page: it asks services, and says what the page's template shows."""
