"""Who looks at the dashboard, and what he may see."""
